/** The view as a link: #x=…&y=…&zoom=… reopens the same place. */

import { imagePoint, type ImagePoint } from "./coordinates";

export interface ViewLink {
  readonly centre: ImagePoint;
  /** CSS pixels per level-0 pixel. */
  readonly scale: number;
}

const SMALLEST = 1e-4;
const LARGEST = 1e3;

export function formatViewLink({ centre, scale }: ViewLink): string {
  const rounded = Number(scale.toPrecision(4));
  return `#x=${Math.round(centre.x)}&y=${Math.round(centre.y)}&zoom=${rounded}`;
}

/** Reads a link; anything that is not three sensible numbers is no view. */
export function parseViewLink(hash: string): ViewLink | null {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const [x, y, scale] = ["x", "y", "zoom"].map((name) => Number(values.get(name) || NaN));
  if (x === undefined || y === undefined || scale === undefined) return null;
  if (![x, y, scale].every(Number.isFinite)) return null;
  if (scale < SMALLEST || scale > LARGEST) return null;
  return { centre: imagePoint(x, y), scale };
}
