/** Sums over a frozen data set, and their words. */

import type { Dataset, SideCounts, TrainingRun } from "@/api/types";
import { formatCount } from "@/format";
import { words } from "@/words";

const total = ({ positive, negative }: SideCounts): number => positive + negative;

export function datasetTotals({ counts }: Pick<Dataset, "counts">) {
  return { train: total(counts.train), validation: total(counts.validation), test: total(counts.test) };
}

export function datasetWords(dataset: Pick<Dataset, "counts">): string {
  const { train, validation, test } = datasetTotals(dataset);
  return words.training.datasetSplit(formatCount(train), formatCount(validation), formatCount(test));
}

/** How many windows were cut beside counted cells, and beside which there could be none. */
export function windowsWords({
  cut,
  cells,
  without_slide,
}: NonNullable<TrainingRun["windows_beside"]>): string {
  const found = words.training.windowsCut(formatCount(cut), formatCount(cells));
  return without_slide
    ? `${found}, ${words.training.windowsWithoutSlide(formatCount(without_slide))}`
    : found;
}
