/** Where a search looks; the ranges of the paper unless somebody changes them. */

import type { SearchSpace } from "@/api/types";

export type ParameterName = keyof SearchSpace;
export type Ranges = Record<ParameterName, readonly [number, number]>;

export const PARAMETERS: readonly ParameterName[] = [
  "learning_rate",
  "weight_decay",
  "max_steps",
  "patience_steps",
];

/** The ends 10^−3.5, 10^−1.5 and 10^−2 to three figures. */
export const PAPER_RANGES: Ranges = {
  learning_rate: [0.000316, 0.0316],
  weight_decay: [0.000316, 0.01],
  max_steps: [500, 18_000],
  patience_steps: [200, 300],
};

/** What is sent: ranges that were changed; the server knows the others exactly. */
export function changedRanges(ranges: Ranges): SearchSpace {
  return Object.fromEntries(
    PARAMETERS.filter((name) => ranges[name].some((end, at) => end !== PAPER_RANGES[name][at])).map(
      (name) => [name, [...ranges[name]]],
    ),
  );
}
