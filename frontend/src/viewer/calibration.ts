/** What a pixel of the slide measures: from a known length, or from the objective. */

import type { ScaleSource } from "@/api/types";

import type { ImagePoint } from "./coordinates";

export type LengthUnit = "µm" | "mm";

const UM_PER: Record<LengthUnit, number> = { µm: 1, mm: 1000 };

/** The same bounds as the server's. */
const SMALLEST_MPP = 0.01;
const LARGEST_MPP = 100;

export const isScale = (mpp: number): boolean => mpp >= SMALLEST_MPP && mpp <= LARGEST_MPP;

/** A line under this length is off by more than a per cent when its ends are off by half a pixel each. */
export const LONG_ENOUGH_PX = 100;

export interface Line {
  readonly from: ImagePoint;
  readonly to: ImagePoint;
}

export const lineLength = ({ from, to }: Line): number => Math.hypot(to.x - from.x, to.y - from.y);

/** µm per pixel from a length that is known in both; null while one is missing. */
export function mppOfLength(length: number, unit: LengthUnit, px: number): number | null {
  return length > 0 && px > 0 ? Number(((length * UM_PER[unit]) / px).toPrecision(5)) : null;
}

export const OBJECTIVES = [4, 10, 20, 40] as const;

/** Convention of the scanners: 10× is 1 µm per pixel. */
const UM_TIMES_MAGNIFICATION = 10;

export const usualMpp = (objective: number): number => UM_TIMES_MAGNIFICATION / objective;

/** The objective whose usual scale this is. */
export const objectiveOf = (mpp: number): number | null =>
  OBJECTIVES.find((objective) => usualMpp(objective) === mpp) ?? null;

export interface NewScale {
  readonly mpp: number;
  readonly source: ScaleSource;
}
