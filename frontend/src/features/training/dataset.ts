/** Sums over a frozen data set. */

import type { Dataset, SideCounts } from "@/api/types";

const total = ({ positive, negative }: SideCounts): number => positive + negative;

export function datasetTotals({ counts }: Pick<Dataset, "counts">) {
  return { train: total(counts.train), validation: total(counts.validation), test: total(counts.test) };
}
