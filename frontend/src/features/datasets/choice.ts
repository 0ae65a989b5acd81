/** What the freeze form holds, and the wish it becomes. */

import type { NewDataset, Source, Split } from "@/api/types";

export const SPLITS: readonly Split[] = ["cluster", "place", "slide", "case", "random"];

export interface Choice {
  readonly name: string;
  /** The named reader's id, empty for the majority. */
  readonly reader: string;
  readonly split: Split;
  readonly guardPx: number;
  readonly isEverything: boolean;
  readonly sources: readonly Source[];
  readonly slides: readonly string[];
  readonly seed: number;
}

export const START: Choice = {
  name: "",
  reader: "",
  split: "cluster",
  guardPx: 35,
  isEverything: true,
  sources: [],
  slides: [],
  seed: 0,
};

export function wishOf(choice: Choice): NewDataset {
  const { isEverything, sources, slides } = choice;
  return {
    split: choice.split,
    guard_px: choice.guardPx,
    seed: choice.seed,
    reader: choice.reader ? Number(choice.reader) : null,
    ...(choice.name.trim() ? { name: choice.name.trim() } : {}),
    ...(!isEverything && sources.length ? { sources: [...sources] } : {}),
    ...(!isEverything && slides.length ? { slides: slides.map(Number) } : {}),
  };
}
