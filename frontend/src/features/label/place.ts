/** Where a label goes: the pixel under the point, its patch moved inwards near an edge. */

import { isInside, patchCentre, pixelOf, type ImagePoint, type Size } from "@/viewer/coordinates";

/** The centre pixel that will be stored, or null: outside the slide, or the slide is smaller than a patch. */
export function placeOf(point: ImagePoint, sidePx: number, size: Size): ImagePoint | null {
  if (!isInside(point, size) || Math.min(size.width, size.height) < sidePx) return null;
  return patchCentre(pixelOf(point), sidePx, size);
}
