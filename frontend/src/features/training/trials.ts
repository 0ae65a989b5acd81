/** Trials as rows of a table that can be sorted by any column. */

import type { Trial } from "@/api/types";

export const COLUMNS = [
  "number",
  "learning_rate",
  "weight_decay",
  "max_steps",
  "validation_loss",
  "why",
  "accuracy",
  "precision",
  "recall",
  "seconds",
] as const;

export type Column = (typeof COLUMNS)[number];

export interface Order {
  readonly by: Column;
  readonly isDown: boolean;
}

function parameter(trial: Trial, name: string): number | null {
  const value = (trial.parameters as Record<string, unknown>)[name];
  return typeof value === "number" ? value : null;
}

/** What a cell holds; null where there is nothing to compare yet. */
export function valueOf(trial: Trial, column: Column): number | string | null {
  switch (column) {
    case "learning_rate":
    case "weight_decay":
    case "max_steps":
      return parameter(trial, column);
    case "accuracy":
    case "precision":
    case "recall":
      return trial.metrics?.[column] ?? null;
    case "why":
      return trial.stopped_because;
    default:
      return trial[column];
  }
}

function compared(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

/** Sorts; what has no value stands at the end in either direction. */
export function sorted(trials: readonly Trial[], { by, isDown }: Order): Trial[] {
  return [...trials].sort((first, second) => {
    const [a, b] = [valueOf(first, by), valueOf(second, by)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return (isDown ? -1 : 1) * compared(a, b) || first.number - second.number;
  });
}
