/** Undo and redo: what was done to which patch, and what it was before. */

import type { PatchRef } from "./queue/operations";

export interface Step {
  readonly target: PatchRef;
  readonly x: number;
  readonly y: number;
  /** Class before and after; null is no label. */
  readonly before: number | null;
  readonly after: number | null;
}

export interface History {
  readonly done: readonly Step[];
  readonly undone: readonly Step[];
}

/** A class to set, so that the step is undone or done again. */
export interface Move {
  readonly history: History;
  readonly step: Step;
  readonly classId: number | null;
}

export const EMPTY: History = { done: [], undone: [] };
const MOST_STEPS = 500;

export const did = (history: History, step: Step): History => ({
  done: [...history.done, step].slice(-MOST_STEPS),
  undone: [],
});

export function undo({ done, undone }: History): Move | null {
  const step = done.at(-1);
  return step
    ? { history: { done: done.slice(0, -1), undone: [...undone, step] }, step, classId: step.before }
    : null;
}

export function redo({ done, undone }: History): Move | null {
  const step = undone.at(-1);
  return step
    ? { history: { done: [...done, step], undone: undone.slice(0, -1) }, step, classId: step.after }
    : null;
}
