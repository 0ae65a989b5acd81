/** A heat layer for when single markers would cover each other: nothing is dropped, it is added up. */

import type { View } from "./coordinates";

export interface DensityInput {
  /** Screen positions in CSS pixels, in pairs. */
  readonly xy: Float32Array;
  /** How many points each position stands for (more than one in a sample). */
  readonly weight: number;
}

export interface DensityGrid {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float32Array;
  /** The value drawn in the strongest colour, in points per cell. */
  readonly top: number;
}

export const CELL_PX = 12;

/** Adds points up in square cells and smooths them over their neighbours (binomial 1-2-1 both ways). */
export function densityGrid({ xy, weight }: DensityInput, width: number, height: number): DensityGrid {
  const [columns, rows] = [Math.ceil(width / CELL_PX) + 1, Math.ceil(height / CELL_PX) + 1];
  const values = new Float32Array(columns * rows);
  for (let i = 0; i < xy.length; i += 2) {
    const [column, row] = [Math.floor(xy[i]! / CELL_PX), Math.floor(xy[i + 1]! / CELL_PX)];
    if (column >= 0 && row >= 0 && column < columns && row < rows) values[row * columns + column]! += weight;
  }
  const smooth = smoothed(smoothed(values, columns, rows, 1), columns, rows, columns);
  const filled = smooth.filter((value) => value > 0).sort();
  return { columns, rows, values: smooth, top: filled[Math.floor(filled.length * 0.99)] ?? 0 };
}

function smoothed(values: Float32Array, columns: number, rows: number, step: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const i = row * columns + column;
      const hasBefore = step === 1 ? column > 0 : row > 0;
      const hasAfter = step === 1 ? column < columns - 1 : row < rows - 1;
      const [before, after] = [hasBefore ? values[i - step]! : 0, hasAfter ? values[i + step]! : 0];
      out[i] = (before + 2 * values[i]! + after) / 4;
    }
  }
  return out;
}

/** Colour of a share 0…1 of the top: clear, yellow, red; told apart on brown and on blue. */
export function heat(share: number): readonly [number, number, number, number] {
  const t = Math.min(1, share);
  const green = 214 - 170 * t;
  return [255 - 25 * t, green, 40 + 20 * t, t < 0.02 ? 0 : 30 + 180 * Math.sqrt(t) * t ** 0.25];
}

let scratch: HTMLCanvasElement | null = null;

export function drawDensity(context: CanvasRenderingContext2D, view: View, input: DensityInput): DensityGrid {
  const grid = densityGrid(input, view.size.width, view.size.height);
  if (grid.top === 0) return grid;
  scratch ??= document.createElement("canvas");
  scratch.width = grid.columns;
  scratch.height = grid.rows;
  const small = scratch.getContext("2d");
  if (!small) return grid;
  const image = small.createImageData(grid.columns, grid.rows);
  grid.values.forEach((value, i) => image.data.set(heat(value / grid.top), 4 * i));
  small.putImageData(image, 0, 0);
  context.save();
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(scratch, 0, 0, grid.columns * CELL_PX, grid.rows * CELL_PX);
  context.restore();
  return grid;
}
