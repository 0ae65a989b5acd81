/** What both viewer pages need: the study, the slide, its neighbours, and who looks at them. */

import { useNavigate, useParams } from "react-router";

import { paths } from "@/app/paths";
import { useMe } from "@/api/auth";
import { useReadySlides, useSlide } from "@/api/slides";
import { useStudy } from "@/api/studies";
import type { Id, Me, Role, Slide, Study } from "@/api/types";

export type ViewerMode = "label" | "detect";

export interface SlidePage {
  readonly study: Study;
  readonly slide: Slide;
  readonly me: Me;
  readonly has: (role: Role) => boolean;
}

export const maySetScale = ({ has }: Pick<SlidePage, "has">): boolean => has("lab") || has("admin");

export interface SlidePageState {
  readonly studyId: Id;
  readonly page: SlidePage | null;
  readonly error: Error | null;
  readonly retry: () => void;
}

export function useSlidePage(): SlidePageState {
  const params = useParams();
  const [studyId, slideId] = [Number(params.studyId), Number(params.slideId)];
  const study = useStudy(studyId);
  const slide = useSlide(slideId);
  const me = useMe().data;
  const retry = (): void => {
    void study.refetch();
    void slide.refetch();
  };
  const error = study.error ?? slide.error;
  if (!study.data || !slide.data || !me) return { studyId, page: null, error, retry };
  const { roles } = study.data;
  const has = (role: Role): boolean => me.is_site_admin || roles.includes(role);
  return { studyId, page: { study: study.data, slide: slide.data, me, has }, error: null, retry };
}

export interface Neighbours {
  readonly goPrevious: (() => void) | undefined;
  readonly goNext: (() => void) | undefined;
  readonly position: string | null;
}

/** The slides before and after this one that can be opened. */
export function useNeighbours({ id, study }: Slide, mode: ViewerMode): Neighbours {
  const slides = useReadySlides(study).data ?? [];
  const navigate = useNavigate();
  const here = slides.findIndex((slide) => slide.id === id);
  const goTo = (offset: number): (() => void) | undefined => {
    const slide = here < 0 ? undefined : slides[here + offset];
    return slide && (() => void navigate(paths[mode](study, slide.id)));
  };
  const position = here < 0 ? null : `${here + 1} / ${slides.length}`;
  return { goPrevious: goTo(-1), goNext: goTo(1), position };
}
