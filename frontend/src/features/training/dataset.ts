/** Sums over a frozen data set. */

import type { Dataset, SideCounts, TrainingRun } from "@/api/types";

const total = ({ positive, negative }: SideCounts): number => positive + negative;

export function datasetTotals({ counts }: Pick<Dataset, "counts">) {
  return { train: total(counts.train), validation: total(counts.validation), test: total(counts.test) };
}

/** The frozen versions that trainings have used, each once, newest first. */
export function datasetsOf(runs: readonly TrainingRun[]): Dataset[] {
  const byId = new Map(runs.map(({ dataset }) => [dataset.id, dataset]));
  return [...byId.values()].sort((a, b) => b.number - a.number);
}
