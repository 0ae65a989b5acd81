/** Slides of a study: what is there, what is still being read in, what failed. */

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { countsKey, latestCountsKey } from "./counts";
import { isRunning, pollWhile } from "./polling";
import { apiUrl, request } from "./request";
import { studyKey } from "./studies";
import type { Id, Page, ScaleChange, ScaleSource, Slide } from "./types";

export const slidesKey = (study: Id) => ["slides", study] as const;
export const slideKey = (slide: Id) => ["slide", slide] as const;

export interface SlideFilter {
  readonly page?: number;
  readonly page_size?: number;
  readonly state?: string;
  readonly search?: string;
  readonly case_code?: string;
  readonly ordering?: string;
}

export function useSlides(study: Id, filter: SlideFilter = {}) {
  return useQuery({
    queryKey: [...slidesKey(study), filter],
    queryFn: ({ signal }) =>
      request<Page<Slide>>("GET", `studies/${study}/slides`, { query: { ...filter }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: (query) =>
      pollWhile(query.state.data?.results.some((slide) => isRunning(slide.state)) ?? false),
  });
}

export function useSlide(slide: Id) {
  return useQuery({
    queryKey: slideKey(slide),
    queryFn: ({ signal }) => request<Slide>("GET", `slides/${slide}`, { signal }),
    refetchInterval: (query) => pollWhile(isRunning(query.state.data?.state)),
  });
}

/** The code of a slide for the trail; nothing is asked while there is none. */
export function useSlideName(slide: Id | null): string | undefined {
  return useQuery({
    queryKey: slideKey(slide ?? 0),
    queryFn: ({ signal }) => request<Slide>("GET", `slides/${slide}`, { signal }),
    enabled: slide !== null,
    select: ({ code }) => code,
  }).data;
}

/** Of every slide of a study: densities rest on scales. */
const runsOfKey = (study: Id) => ["studies", study, "detection-runs"] as const;

const scaleChangesKey = (slide: Id) => ["scale-changes", slide] as const;

/** Who set the scale of a slide, the newest change first. */
export function useScaleChanges(slide: Id) {
  return useQuery({
    queryKey: scaleChangesKey(slide),
    queryFn: ({ signal }) => request<ScaleChange[]>("GET", `slides/${slide}/scale-changes`, { signal }),
  });
}

export type SlideChange = Partial<Pick<Slide, "case_code" | "mpp" | "note">> & {
  readonly mpp_source?: ScaleSource;
};

export function useChangeSlide(slide: Slide) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: SlideChange) => request<Slide>("PATCH", `slides/${slide.id}`, { body: change }),
    onSuccess: (changed) => {
      client.setQueryData(slideKey(slide.id), changed);
      void client.invalidateQueries({ queryKey: scaleChangesKey(slide.id) });
      return Promise.all(
        [slidesKey, runsOfKey, latestCountsKey, countsKey].map((key) =>
          client.invalidateQueries({ queryKey: key(slide.study) }),
        ),
      );
    },
  });
}

/** Only a slide that failed can be taken away. */
export function useDeleteSlide(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (slide: Id) => request<void>("DELETE", `slides/${slide}`),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: slidesKey(study) }),
        client.invalidateQueries({ queryKey: studyKey(study) }),
      ]),
  });
}

export const thumbnailUrl = (slide: Id): string => apiUrl(`slides/${slide}/thumbnail`);
export const tileUrl = (slide: Id, level: number, col: number, row: number): string =>
  apiUrl(`slides/${slide}/tiles/${level}/${col}_${row}.jpg`);
