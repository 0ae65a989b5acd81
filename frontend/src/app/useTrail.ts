/** Where one is: study, then slide, as links. */

import { useMatch } from "react-router";

import { useSlideName } from "@/api/slides";
import { useStudyName } from "@/api/studies";
import { words } from "@/words";
import { compareWords } from "@/words/viewer";

import { lastView } from "./lastView";
import { paths } from "./paths";

export interface Crumb {
  readonly name: string;
  readonly to?: string;
}

const MODES: Record<string, string> = { label: words.slides.label, detect: words.slides.detect };

function slideCrumbs(name: string | undefined, mode: string | undefined): Crumb[] {
  const modeName = MODES[mode ?? ""];
  return [{ name: name ?? "…" }, ...(modeName ? [{ name: modeName }] : [])];
}

const asId = (text: string | undefined): number | null => (text ? Number(text) : null);

export function useTrail(): Crumb[] {
  const study = useMatch("/studies/:studyId/*")?.params.studyId;
  const match = useMatch("/studies/:studyId/slides/:slideId/:mode")?.params;
  const studyName = useStudyName(asId(study));
  const slideName = useSlideName(asId(match?.slideId));
  const isPair = useMatch("/studies/:studyId/compare") !== null;
  if (!study) return [{ name: words.common.nav.studies, to: paths.studies }];
  const back = match || isPair ? lastView(study) : "";
  const trail: Crumb[] = [{ name: studyName ?? "…", to: paths.slides(study) + back }];
  if (isPair) return [...trail, { name: compareWords.title }];
  return match ? [...trail, ...slideCrumbs(slideName, match.mode)] : trail;
}
