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

export const MOST_CORNERS = 1000;

export type RegionFault = "small" | "crossing" | "corners";

/** On which side of the line from a to b a point lies: its sign tells. */
const side = (a: ImagePoint, b: ImagePoint, point: ImagePoint): number =>
  Math.sign((b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x));

/** True where two edges cross; an outline that only touches itself may stay, as on the server. */
export function crossesItself(region: Region): boolean {
  const edges = region.map((from, index) => [from, region[(index + 1) % region.length] ?? from] as const);
  return edges.some(([a, b], index) =>
    edges
      .slice(index + 1)
      .some(([c, d]) => side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0),
  );
}

/** Why a region cannot be counted in; null where it can. A patch must fit into its area. */
export function faultOf(region: Region, leastSidePx: number): RegionFault | null {
  if (region.length > MOST_CORNERS) return "corners";
  if (crossesItself(region)) return "crossing";
  return region.length < 3 || polygonArea(region) < leastSidePx * leastSidePx ? "small" : null;
}

/** Whole pixels, as the server gets them. */
export const rounded = (region: Region): Region =>
  region.map(({ x, y }) => imagePoint(Math.round(x), Math.round(y)));

export const regionToJson = (region: Region): RegionJson =>
  rounded(region).map(({ x, y }) => [x, y] as const);

export const regionFromJson = (region: RegionJson): Region => region.map(([x, y]) => imagePoint(x, y));
