/** What a person may write about a slide, and the stains to suggest: usual ones, and those the study has. */

import { useSlideFacets } from "@/api/slides";
import type { Id } from "@/api/types";

export const MOST_CHARACTERS = { case_code: 60, stain: 40, note: 2000 } as const;

/** Names of stains and markers are the same in every language; any other may be written. */
const USUAL = ["H&E", "CD3", "CD4", "CD8", "CD20", "CD45", "CD68", "FOXP3", "Ki-67", "PD-L1", "p53"];

export function useStains(study: Id): string[] {
  const own = useSlideFacets(study).data?.stains ?? [];
  return [...new Set([...own, ...USUAL])];
}
