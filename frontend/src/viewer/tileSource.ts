/** DeepZoom geometry of the tiles the server gives: 256 px, no overlap. */

import type { Size } from "./coordinates";

export const TILE_PX = 256;

/** The level that shows the slide at native size; level 0 is a single pixel. */
export const maxLevel = ({ width, height }: Size): number => Math.ceil(Math.log2(Math.max(width, height)));

export interface SlideTiles extends Size {
  readonly tileSize: number;
  readonly tileOverlap: number;
  readonly minLevel: number;
  readonly maxLevel: number;
  readonly getTileUrl: (level: number, column: number, row: number) => string;
}

/** Levels below one tile hold nothing that the first whole tile does not. */
const SMALLEST_LEVEL = Math.log2(TILE_PX);

export function slideTiles(slideId: number | string, size: Size): SlideTiles {
  const top = maxLevel(size);
  return {
    width: size.width,
    height: size.height,
    tileSize: TILE_PX,
    tileOverlap: 0,
    minLevel: Math.min(SMALLEST_LEVEL, top),
    maxLevel: top,
    getTileUrl: (level, column, row) => `/api/slides/${slideId}/tiles/${level}/${column}_${row}.jpg`,
  };
}
