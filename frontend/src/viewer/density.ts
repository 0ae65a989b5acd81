/**
 * Where cells lie close: counts in bins that lie still on the slide. One density has one colour at every zoom, so that the
 * picture neither swims while panning nor changes its meaning while zooming.
 */

import type { ImageBox, Size } from "./coordinates";
import type { Points, RangeQuery } from "./points";

/** Square bins over a part of the slide; (x, y) is the corner of the first one in level-0 pixels. */
export interface Bins {
  readonly side: number;
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  readonly values: Float32Array;
}

/** A bin spans this many CSS pixels at least, and less than twice as many. */
const LEAST_BIN_PX = 7;
const COARSE_BINS = 256;
/** Finer bins of a small slide hold one cell or none, and the densest of them say nothing. */
const MERGED_FOR_TOP = 4;
/** How far counted bins reach beyond the screen, as a share of it: so far one pans without counting anew. */
const MARGIN = 0.5;
/** This share of the bins that hold anything may lie beyond the strongest colour. */
const BEYOND = 0.01;

/** The side of a bin at a zoom: a power of two of level-0 pixels, so that it changes once per doubling. */
export const binSide = (scale: number): number => 2 ** Math.ceil(Math.log2(LEAST_BIN_PX / scale));

/** Counts the points of a box that reach a threshold, in bins of a grid that begins at the slide's corner. */
export function countBins(
  points: Points,
  threshold: number,
  box: ImageBox,
  side: number,
  query: RangeQuery | null = null,
): Bins {
  const [left, top] = [Math.floor(box.x / side), Math.floor(box.y / side)];
  const columns = Math.max(1, Math.ceil((box.x + box.width) / side) - left);
  const rows = Math.max(1, Math.ceil((box.y + box.height) / side) - top);
  const values = new Float32Array(columns * rows);
  const bins = { side, x: left * side, y: top * side, columns, rows, values };
  const found = query?.({ x: bins.x, y: bins.y, width: columns * side, height: rows * side });
  const [{ xy, scores }, least] = [points, Math.fround(threshold)];
  const end = found ? found.length : points.count;
  // The loop of a million steps: no calls in it.
  for (let at = 0; at < end; at += 1) {
    const i = found ? found[at]! : at;
    if (scores[i]! < least) continue;
    const column = Math.floor((xy[2 * i]! - bins.x) / side);
    const row = Math.floor((xy[2 * i + 1]! - bins.y) / side);
    if (column >= 0 && row >= 0 && column < columns && row < rows) values[row * columns + column]! += 1;
  }
  return bins;
}

/** The same counts in larger bins, `times` a power of two; the bins must begin at the slide's corner. */
export function merged(bins: Bins, times: number): Bins {
  const [columns, rows] = [Math.ceil(bins.columns / times), Math.ceil(bins.rows / times)];
  const values = new Float32Array(columns * rows);
  bins.values.forEach((value, i) => {
    const row = Math.floor(Math.floor(i / bins.columns) / times);
    values[row * columns + Math.floor((i % bins.columns) / times)]! += value;
  });
  return { ...bins, side: bins.side * times, columns, rows, values };
}

/** Spreads each bin over its neighbours, 1-2-1 both ways; the sum stays, but for what runs over the edge. */
export function smoothed(bins: Bins): Bins {
  const { columns, rows, values } = bins;
  const across = spread(values, columns, rows, 1, columns);
  return { ...bins, values: spread(across, rows, columns, columns, 1) };
}

function spread(
  values: Float32Array,
  length: number,
  lines: number,
  step: number,
  line: number,
): Float32Array {
  const out = new Float32Array(values.length);
  for (let n = 0; n < lines; n += 1) {
    let [before, here] = [0, values[n * line]!];
    for (let at = 0; at < length; at += 1) {
      const i = n * line + at * step;
      const after = at + 1 < length ? values[i + step]! : 0;
      out[i] = (before + 2 * here + after) / 4;
      [before, here] = [here, after];
    }
  }
  return out;
}

/** The density of the strongest colour, in points per level-0 pixel². */
export function topDensity({ values, side }: Bins): number {
  const filled = values.filter((value) => value > 0).sort();
  return (filled[Math.floor(filled.length * (1 - BEYOND))] ?? 0) / (side * side);
}

/** About how many points lie in a box: bins on its edge count by the part inside. */
export function estimateIn(bins: Bins, box: ImageBox): number {
  const { side, columns, rows, values } = bins;
  const part = (bin: number, start: number, from: number, extent: number): number => {
    const at = start + bin * side;
    return Math.max(0, Math.min(at + side, from + extent) - Math.max(at, from)) / side;
  };
  let sum = 0;
  for (let row = 0; row < rows; row += 1) {
    const high = part(row, bins.y, box.y, box.height);
    if (high === 0) continue;
    for (let column = 0; column < columns; column += 1) {
      const value = values[row * columns + column]!;
      if (value > 0) sum += value * high * part(column, bins.x, box.x, box.width);
    }
  }
  return sum;
}

const contains = (outer: Bins, inner: ImageBox): boolean =>
  inner.x >= outer.x &&
  inner.y >= outer.y &&
  inner.x + inner.width <= outer.x + outer.columns * outer.side &&
  inner.y + inner.height <= outer.y + outer.rows * outer.side;

function onSlide(box: ImageBox, { width, height }: Size): ImageBox {
  const [x, y] = [Math.max(0, box.x), Math.max(0, box.y)];
  return {
    x,
    y,
    width: Math.max(0, Math.min(width, box.x + box.width) - x),
    height: Math.max(0, Math.min(height, box.y + box.height) - y),
  };
}

/** The density of a result at one threshold, counted as far as it is looked at. */
export class DensityMap {
  readonly topPerPx: number;
  private readonly coarse: Bins;
  private near: Bins | null = null;

  constructor(
    private readonly points: Points,
    private readonly threshold: number,
    private readonly size: Size,
    private readonly query: RangeQuery | null,
  ) {
    const whole = { x: 0, y: 0, ...size };
    const side = 2 ** Math.ceil(Math.log2(Math.max(1, Math.max(size.width, size.height) / COARSE_BINS)));
    this.coarse = countBins(points, threshold, whole, side);
    this.topPerPx = topDensity(smoothed(merged(this.coarse, MERGED_FOR_TOP)));
  }

  estimate(box: ImageBox): number {
    return estimateIn(this.coarse, box);
  }

  /** Smoothed bins around a box; the same object until the view leaves them or zooms to another size of bins. */
  around(box: ImageBox, scale: number): Bins {
    const side = binSide(scale);
    const wanted = onSlide(box, this.size);
    if (this.near?.side === side && contains(this.near, wanted)) return this.near;
    if (side >= this.coarse.side) {
      this.near = smoothed(merged(this.coarse, side / this.coarse.side));
      return this.near;
    }
    const wide = {
      x: box.x - MARGIN * box.width,
      y: box.y - MARGIN * box.height,
      width: (1 + 2 * MARGIN) * box.width,
      height: (1 + 2 * MARGIN) * box.height,
    };
    const counted = onSlide(wide, this.size);
    this.near = smoothed(countBins(this.points, this.threshold, counted, side, this.indexFor(counted)));
    return this.near;
  }

  /** The index pays for a small part of the slide only. */
  private indexFor(box: ImageBox): RangeQuery | null {
    const share = (box.width * box.height) / (this.size.width * this.size.height);
    return share < 0.1 ? this.query : null;
  }
}
