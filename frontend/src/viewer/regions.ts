/** Regions of interest in level-0 pixels, as the server takes them: lists of [x, y]. */

import { imagePoint, polygonArea, type ImagePoint, type Size } from "./coordinates";

export type Region = readonly ImagePoint[];
export type RegionJson = readonly (readonly [number, number])[];
export type RegionTool = "rectangle" | "polygon";

export function rectangle(a: ImagePoint, b: ImagePoint): Region {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
  const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
  return [imagePoint(left, top), imagePoint(right, top), imagePoint(right, bottom), imagePoint(left, bottom)];
}

export const clampToImage = (point: ImagePoint, image: Size): ImagePoint =>
  imagePoint(Math.min(Math.max(point.x, 0), image.width), Math.min(Math.max(point.y, 0), image.height));

/** A region is worth keeping if a patch fits into its area. */
export const isLargeEnough = (region: Region, side: number): boolean =>
  region.length >= 3 && polygonArea(region) >= side * side;

export const regionToJson = (region: Region): RegionJson =>
  region.map((point) => [Math.round(point.x), Math.round(point.y)] as const);

export const regionFromJson = (region: RegionJson): Region => region.map(([x, y]) => imagePoint(x, y));
