/** How a count is to be made: what may be chosen, what is usual, and how a run tells what was used. */

import type { DetectionParams, DetectionRun } from "@/api/types";
import { words } from "@/words";

const text = words.options;

export type CountChoice = Readonly<Required<DetectionParams>>;

export const STRIDES = [8, 4, 2, 1] as const;
export const HEADS = ["low_rank", "full"] as const;
export const PRECISIONS = ["auto", "fp32", "bf16"] as const;
export const ENGINES = ["auto", "openvino", "torch"] as const;

/** What the server takes where nothing is said. */
export const USUAL_CHOICE: CountChoice = {
  stride_px: 8,
  head: "low_rank",
  precision: "auto",
  engine: "auto",
  gate: true,
  tissue_gate: true,
};

/** What to send: only what was changed, so that the rest stays with the server. */
export function paramsOf(choice: CountChoice): DetectionParams | undefined {
  const changed = Object.entries(choice).filter(
    ([name, value]) => value !== USUAL_CHOICE[name as keyof CountChoice],
  );
  return changed.length > 0 ? (Object.fromEntries(changed) as DetectionParams) : undefined;
}

/** The changes in words, so that they are seen while the options are closed. */
export function changesOf(choice: CountChoice): string[] {
  const { stride_px, head, precision, engine, gate, tissue_gate } = paramsOf(choice) ?? {};
  return [
    stride_px && text.stride.short[stride_px],
    head && text.head.short[head],
    precision && text.precision.short[precision],
    engine && text.engine.short[engine],
    gate === false && text.gate.off,
    tissue_gate === false && text.tissue.off,
  ].filter((words) => typeof words === "string");
}

type Used = readonly (readonly [name: string, value: string])[];

const nameIn = (names: Readonly<Record<string, string>>, value: unknown): string =>
  names[String(value)] ?? String(value);

function gatesOf({ gate, tissue_gate }: DetectionRun["params"]): string {
  if (gate === false) return text.used.none;
  return tissue_gate === true ? text.used.both : text.used.stain;
}

/** What a run has used, name by name; a run of an earlier version may not know all of it. */
export function usedBy({ params }: Pick<DetectionRun, "params">): Used {
  const { stride_px, head, precision, engine, gate } = params;
  return [
    stride_px !== undefined && ([text.used.stride, nameIn(text.stride.short, stride_px)] as const),
    head !== undefined && ([text.used.head, nameIn(text.used.heads, head)] as const),
    precision !== undefined && ([text.used.precision, nameIn(text.used.precisions, precision)] as const),
    engine !== undefined && ([text.used.engine, nameIn(text.used.engines, engine)] as const),
    gate !== undefined && ([text.used.gates, gatesOf(params)] as const),
  ].filter((row) => row !== false);
}
