/** Are there labels enough to learn from? The server decides; this says it before the button is pressed. */

import type { Id, LabelClass, PatchSummary } from "@/api/types";

/** Patches of a counted class, and of the others, that a training needs at least. */
export const LEAST_OF_A_KIND = 10;

/** Beyond this one side outweighs the other so much that it is worth saying. */
const LOPSIDED = 4;

export const countOf = (summary: PatchSummary, kind: Id): number =>
  summary.classes.find(({ class_id }) => class_id === kind)?.count ?? 0;

export interface LabelBalance {
  readonly positive: number;
  readonly negative: number;
  readonly isEnough: boolean;
  /** How many times the larger side is the smaller one; null while that is nothing to speak of. */
  readonly ratio: number | null;
}

export function balanceOf(kinds: readonly LabelClass[], summary: PatchSummary): LabelBalance {
  const sum = (counted: boolean): number =>
    kinds
      .filter((kind) => kind.counted === counted)
      .reduce((total, kind) => total + countOf(summary, kind.id), 0);
  const [positive, negative] = [sum(true), sum(false)];
  const [less, more] = [Math.min(positive, negative), Math.max(positive, negative)];
  const isEnough = less >= LEAST_OF_A_KIND;
  return { positive, negative, isEnough, ratio: isEnough && more / less > LOPSIDED ? more / less : null };
}
