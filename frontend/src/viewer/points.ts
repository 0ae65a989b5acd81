/** The points of a detection run: decoding, counting at a threshold, finding them in a box. */

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

export const NO_POINTS: Points = decodePoints(new ArrayBuffer(0));

/** One after the other; a run that goes on grows like this. */
export function joinPoints(first: Points, second: Points): Points {
  const count = first.count + second.count;
  const join = (a: Float32Array, b: Float32Array): Float32Array => {
    const both = new Float32Array(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    return both;
  };
  return {
    count,
    xy: join(first.xy, second.xy),
    scores: join(first.scores, second.scores),
    descending: mergeDescending(first.descending, second.descending),
  };
}

function mergeDescending(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length);
  let [i, j] = [0, 0];
  for (let at = 0; at < both.length; at += 1) {
    const takesFirst = j >= second.length || (i < first.length && first[i]! >= second[j]!);
    both[at] = takesFirst ? first[i++]! : second[j++]!;
  }
  return both;
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

/** Finds points in a box by an index; without one every point is looked at. */
export type RangeQuery = (box: ImageBox) => ArrayLike<number>;

export interface Wanted {
  readonly box: ImageBox;
  readonly threshold: number;
  readonly query?: RangeQuery | null;
}

/**
 * Calls `take` with each point of a box that reaches the threshold, until it says false. Without an index they come in
 * the order of the file, of which any beginning is a fair sample.
 */
export function eachInBox(
  { count, xy, scores }: Points,
  { box, threshold, query }: Wanted,
  take: (i: number) => boolean,
): void {
  const least = Math.fround(threshold);
  const [right, bottom] = [box.x + box.width, box.y + box.height];
  const found = query?.(box);
  const end = found ? found.length : count;
  for (let at = 0; at < end; at += 1) {
    const i = found ? found[at]! : at;
    if (scores[i]! < least) continue;
    const [x, y] = [xy[2 * i]!, xy[2 * i + 1]!];
    if (x >= box.x && x < right && y >= box.y && y < bottom && !take(i)) return;
  }
}

/** How many points of a box reach the threshold and, where only part of the box is asked for, lie in that. */
export function countInBox(
  points: Points,
  wanted: Wanted,
  isIn: (x: number, y: number) => boolean = () => true,
): number {
  const { xy } = points;
  let total = 0;
  eachInBox(points, wanted, (i) => {
    if (isIn(xy[2 * i]!, xy[2 * i + 1]!)) total += 1;
    return true;
  });
  return total;
}

/** The points of a box that reach the threshold, or `limit` of them where there are more. */
export function pointsInBox(points: Points, wanted: Wanted, limit: number): Uint32Array {
  const shown = new Uint32Array(Math.min(limit, points.count));
  let total = 0;
  eachInBox(points, wanted, (i) => {
    shown[total] = i;
    total += 1;
    return total < shown.length;
  });
  return shown.subarray(0, total);
}
