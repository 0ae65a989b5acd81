/** What a comparison says, in words. */

import type { Comparison } from "@/api/types";
import { formatCount } from "@/format";
import { words } from "@/words";

const text = words.models.comparison;

/** Whether a promotion on this evidence needs somebody to say why. */
export const needsReason = (comparison: Comparison | null): boolean => comparison?.verdict !== "better";

export function verdictWords({ verdict, result, candidate, current }: Comparison): string {
  if (verdict === "better") return text.better(candidate.number, current.number);
  if (verdict === "worse") return text.worse(candidate.number, current.number);
  if (!result) return text.nonePatches;
  return result.too_few ? text.tooFew : text.notToldApart;
}

/** A p-value as papers print it. */
export function pValueWords(p: number): string {
  return p < 0.001 ? "< 0.001" : `= ${p.toPrecision(2)}`;
}

/** On which patches, and what to know about them. */
export function groundWords(comparison: Comparison): string[] {
  const { result, dataset, left_out: leftOut, current, unknown_data: unknown } = comparison;
  const sentences: string[] = [];
  if (result) {
    const { only_first: first, only_second: second, p_value: p } = result.mcnemar;
    sentences.push(text.pairs(formatCount(first), formatCount(second), pValueWords(p)));
    sentences.push(text.patches(formatCount(result.positives + result.negatives), dataset.number));
  }
  if (leftOut) sentences.push(text.leftOut(formatCount(leftOut), current.number));
  if (unknown.length > 0) sentences.push(text.unknown(unknown.join(", ")));
  return sentences;
}
