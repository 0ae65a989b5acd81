/** The counting grid: squares of a round size that lie still on the slide. */

import { imagePoint, toScreen, visibleBox, type Size, type View } from "./coordinates";
import { drawUpright } from "./drawUpright";
import { roundLength } from "./scaleBar";

export const GRID_SIDES = [20, 50, 100, 200, 500, 1000] as const;

/** Squares of a chosen size are not drawn closer than this: they would hide the slide. */
const LEAST_PX = 8;
const WANTED_PX = 130;

export interface Grid {
  /** Side in level-0 pixels. */
  readonly sidePx: number;
  readonly name: string;
}

/**
 * The grid at a zoom.
 *
 * @param scale CSS pixels per level-0 pixel.
 * @param mpp µm per level-0 pixel, or null: the sides are then in level-0 pixels.
 * @param chosen side in µm, or px where there is no scale; null for a round one that fits the zoom.
 */
export function gridAt(scale: number, mpp: number | null, chosen: number | null): Grid {
  const pxPerUnit = mpp === null ? 1 : 1 / mpp;
  const side = chosen ?? roundLength(WANTED_PX / (scale * pxPerUnit));
  return { sidePx: side * pxPerUnit, name: nameOf(side, mpp === null) };
}

function nameOf(side: number, isPx: boolean): string {
  if (isPx) return `${side.toLocaleString("en")} px`;
  return side >= 1000 ? `${(side / 1000).toLocaleString("en")} mm` : `${side.toLocaleString("en")} µm`;
}

/** Where lines lie between two places: at the multiples of the side. */
export function gridLines(from: number, to: number, side: number): number[] {
  const first = Math.ceil(from / side - 1e-9);
  const count = Math.max(0, Math.floor(to / side + 1e-9) - first + 1);
  return Array.from({ length: count }, (_, n) => (first + n) * side);
}

const clamp = (value: number, extent: number): number => Math.min(Math.max(value, 0), extent);

function gridPath(view: View, sidePx: number, { width, height }: Size): Path2D {
  const box = visibleBox(view);
  const [left, right] = [clamp(box.x, width), clamp(box.x + box.width, width)];
  const [top, bottom] = [clamp(box.y, height), clamp(box.y + box.height, height)];
  const path = new Path2D();
  const line = (fromX: number, fromY: number, toX: number, toY: number): void => {
    const [from, to] = [toScreen(view, imagePoint(fromX, fromY)), toScreen(view, imagePoint(toX, toY))];
    path.moveTo(from.x, from.y);
    path.lineTo(to.x, to.y);
  };
  for (const x of gridLines(left, right, sidePx)) line(x, top, x, bottom);
  for (const y of gridLines(top, bottom, sidePx)) line(left, y, right, y);
  return path;
}

export function drawGrid(context: CanvasRenderingContext2D, view: View, { sidePx }: Grid, size: Size): void {
  if (sidePx * view.scale < LEAST_PX) return;
  drawUpright(context, view, (upright) => {
    const path = gridPath(upright, sidePx, size);
    for (const [width, colour] of [
      [2.5, "rgba(255, 255, 255, 0.55)"],
      [1, "rgba(20, 60, 70, 0.85)"],
    ] as const) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke(path);
    }
  });
}
