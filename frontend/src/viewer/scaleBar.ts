/** Scale bar with round lengths, and the magnification that a zoom stands for. */

export interface ScaleBar {
  readonly length: number;
  readonly unit: "µm" | "mm" | "px";
  readonly screenPx: number;
}

const WANTED_PX = 160;
const STEPS = [5, 2, 1] as const;

/** The largest of 1, 2, 5 × 10ⁿ that is not above `limit`. */
export function roundLength(limit: number): number {
  const power = 10 ** Math.floor(Math.log10(limit));
  const step = STEPS.find((candidate) => candidate * power <= limit * (1 + 1e-9)) ?? 1;
  return step * power;
}

/**
 * A bar of at most `wantedPx` CSS pixels.
 *
 * @param scale CSS pixels per level-0 pixel.
 * @param mpp µm per level-0 pixel, or null: the bar is then in level-0 pixels.
 */
export function scaleBar(scale: number, mpp: number | null, wantedPx: number = WANTED_PX): ScaleBar {
  const screenPxPerUnit = mpp === null ? scale : scale / mpp;
  const length = roundLength(wantedPx / screenPxPerUnit);
  const screenPx = length * screenPxPerUnit;
  if (mpp === null) return { length, unit: "px", screenPx };
  return length >= 1000 ? { length: length / 1000, unit: "mm", screenPx } : { length, unit: "µm", screenPx };
}

/** Past native zoom one image pixel covers more than one pixel of the screen: nothing new can be seen. */
export const isPastNative = (scale: number): boolean => scale > 1 + 1e-6;

/** Convention of the scanners: 10× is 1 µm per pixel. */
const UM_TIMES_MAGNIFICATION = 10;

/** Magnification of the slide at native zoom: from mpp, else from the objective, else unknown. */
export function nativeMagnification(mpp: number | null, objective: number | null): number | null {
  if (mpp) return UM_TIMES_MAGNIFICATION / mpp;
  return objective || null;
}

const MAGNIFICATIONS = [1, 2, 5, 10, 20, 40] as const;
const SHARES = [0.05, 0.1, 0.25, 0.5, 1, 2] as const;

export interface ZoomChoice {
  readonly name: string;
  /** CSS pixels per level-0 pixel. */
  readonly scale: number;
}

/** What the zoom buttons offer: magnifications, or per cent of native zoom where the scale is unknown. */
export function zoomChoices(native: number | null): ZoomChoice[] {
  if (native === null) return SHARES.map((share) => ({ name: `${share * 100} %`, scale: share }));
  return MAGNIFICATIONS.map((magnification) => ({
    name: `${magnification}×`,
    scale: magnification / native,
  }));
}

export function magnificationText(scale: number, native: number | null): string {
  if (native === null) return `${trimmed(scale * 100)} %`;
  return `${trimmed(scale * native)}×`;
}

function trimmed(value: number): string {
  if (value >= 10) return value.toFixed(0);
  return value >= 1 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(2);
}
