/** The points of a detection run: decoding, counting above a threshold, what a view shows of them. */

import type { ImageBox } from "./coordinates";

/** Points in the order the server shuffled them: any prefix is a fair sample. */
export interface Points {
  readonly count: number;
  /** x_l0, y_l0 in pairs. */
  readonly xy: Float32Array;
  readonly scores: Float32Array;
  /** The same scores, highest first. */
  readonly descending: Float32Array;
}

export class PointsFileError extends Error {}

const BYTES_PER_POINT = 12;

/** Decodes little-endian float32 triples x_l0, y_l0, score. */
export function decodePoints(buffer: ArrayBuffer): Points {
  if (buffer.byteLength % BYTES_PER_POINT !== 0) {
    throw new PointsFileError(
      `The file of points is cut off: ${buffer.byteLength} bytes are no whole number of points.`,
    );
  }
  const count = buffer.byteLength / BYTES_PER_POINT;
  const file = new DataView(buffer);
  const xy = new Float32Array(2 * count);
  const scores = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    const at = i * BYTES_PER_POINT;
    xy[2 * i] = file.getFloat32(at, true);
    xy[2 * i + 1] = file.getFloat32(at + 4, true);
    scores[i] = file.getFloat32(at + 8, true);
  }
  return { count, xy, scores, descending: scores.slice().sort().reverse() };
}

/**
 * How many points reach the threshold: exactly what an export at this threshold holds.
 * Scores are float32, so the threshold is compared as one too.
 */
export function countAtLeast(points: Points, threshold: number): number {
  const limit = Math.fround(threshold);
  let [low, high] = [0, points.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points.descending[middle]! >= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Histogram {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

/** Counts of scores in equal bins over [from, to]; what lies outside is put into the outermost bins. */
export function scoreHistogram(points: Points, from: number, to: number, bins: number): Histogram {
  const counts = new Array<number>(bins).fill(0);
  for (const score of points.scores) {
    const bin = Math.floor(((score - from) / (to - from)) * bins);
    counts[Math.min(bins - 1, Math.max(0, bin))]! += 1;
  }
  return { from, to, counts };
}

export interface PointsInView {
  /** Indices of the points to draw: all of them, or a fair sample of `limit`. */
  readonly shown: Uint32Array;
  /** How many points of the view reach the threshold. */
  readonly total: number;
}

/** Finds points in a box by an index; without one every point is looked at. */
export type RangeQuery = (box: ImageBox) => ArrayLike<number>;

export interface InViewOptions {
  readonly box: ImageBox;
  readonly threshold: number;
  readonly limit: number;
  readonly query?: RangeQuery | null;
  /** Share of the slide's area that the box covers: a small box goes through the index, 1 means all of it. */
  readonly share?: number;
}

const INDEX_SHARE = 0.1;

/** The first `limit` points of the whole slide; how many there are is known without looking at each. */
function pointsOfAll(points: Points, threshold: number, limit: number): PointsInView {
  const total = countAtLeast(points, threshold);
  const least = Math.fround(threshold);
  const shown = new Uint32Array(Math.min(limit, total));
  let found = 0;
  for (let i = 0; found < shown.length; i += 1) {
    if (points.scores[i]! >= least) {
      shown[found] = i;
      found += 1;
    }
  }
  return { shown, total };
}

function inBox({ xy, count }: Points, box: ImageBox): (take: (i: number) => void) => void {
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  return (take) => {
    for (let i = 0; i < count; i += 1) {
      const x = xy[2 * i]!;
      const y = xy[2 * i + 1]!;
      if (x >= box.x && x < right && y >= box.y && y < bottom) take(i);
    }
  };
}

/** The points of a view at a threshold, sampled down to `limit` with the exact total beside it. */
export function pointsInView(points: Points, options: InViewOptions): PointsInView {
  const { box, threshold, limit, query, share } = options;
  if (share === 1) return pointsOfAll(points, threshold, limit);
  const least = Math.fround(threshold);
  const shown = new Uint32Array(Math.min(limit, points.count));
  let total = 0;
  const take = (i: number): void => {
    if (points.scores[i]! < least) return;
    if (total < shown.length) shown[total] = i;
    total += 1;
  };
  if (query && share !== undefined && share < INDEX_SHARE) Uint32Array.from(query(box)).sort().forEach(take);
  else inBox(points, box)(take);
  return { shown: shown.subarray(0, Math.min(total, shown.length)), total };
}
