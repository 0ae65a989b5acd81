/** The three sides of a data set, and sums over them. */

import type { Side } from "@/api/types";

export const SIDES: readonly Side[] = ["train", "validation", "test"];

export const sumOf = (counts: Readonly<Record<Side, number>>): number =>
  SIDES.reduce((sum, side) => sum + counts[side], 0);
