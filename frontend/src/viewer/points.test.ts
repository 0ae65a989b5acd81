import { describe, expect, it } from "vitest";

import { buildIndex, queryOf } from "./pointIndex";
import {
  countAtLeast,
  countInBox,
  decodePoints,
  joinPoints,
  NO_POINTS,
  pointsInBox,
  PointsFileError,
  scoreHistogram,
} from "./points";

function fileOf(triples: readonly (readonly [number, number, number])[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(triples.length * 12));
  triples.forEach((triple, i) => triple.forEach((value, j) => view.setFloat32(12 * i + 4 * j, value, true)));
  return view.buffer;
}

/** A small generator with a seed, so that a failure comes again. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function manyPoints(count: number) {
  const random = randomOf(7);
  return decodePoints(
    fileOf(Array.from({ length: count }, () => [random() * 1000, random() * 800, random()] as const)),
  );
}

describe("the file of points", () => {
  it("is read as little-endian triples", () => {
    const points = decodePoints(
      fileOf([
        [1.5, 2, 0.25],
        [30_000, 4, 0.75],
      ]),
    );
    expect(points.count).toBe(2);
    expect([...points.xy]).toEqual([1.5, 2, 30_000, 4]);
    expect([...points.scores]).toEqual([0.25, 0.75]);
    expect([...points.descending]).toEqual([0.75, 0.25]);
  });

  it("may be empty", () => {
    expect(decodePoints(new ArrayBuffer(0)).count).toBe(0);
  });

  it("is refused when cut off", () => {
    expect(() => decodePoints(new ArrayBuffer(13))).toThrow(PointsFileError);
  });
});

describe("counting at a threshold", () => {
  it("takes the points that reach it, the equal ones too", () => {
    const points = decodePoints(
      fileOf([
        [0, 0, 0.1],
        [0, 0, 0.7],
        [0, 0, 0.7],
        [0, 0, 0.9],
      ]),
    );
    expect(countAtLeast(points, 0)).toBe(4);
    expect(countAtLeast(points, 0.7)).toBe(3);
    expect(countAtLeast(points, 0.71)).toBe(1);
    expect(countAtLeast(points, 0.95)).toBe(0);
  });

  it("equals counting by hand for any threshold", () => {
    const points = manyPoints(5000);
    for (let threshold = 0; threshold <= 1; threshold += 0.013) {
      const byHand = points.scores.filter((score) => score >= Math.fround(threshold)).length;
      expect(countAtLeast(points, threshold)).toBe(byHand);
    }
  });

  it("is zero without points", () => {
    expect(countAtLeast(decodePoints(new ArrayBuffer(0)), 0.5)).toBe(0);
  });
});

describe("the histogram", () => {
  it("holds every score once", () => {
    const points = decodePoints(
      fileOf([
        [0, 0, 0.1],
        [0, 0, 0.19],
        [0, 0, 0.55],
        [0, 0, 1],
        [0, 0, 0.05],
      ]),
    );
    const { counts } = scoreHistogram(points, 0.1, 1, 9);
    expect(counts).toEqual([3, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});

describe("points in a box", () => {
  const points = manyPoints(20_000);
  const query = queryOf(buildIndex(points.xy));
  const box = { x: 100, y: 200, width: 150, height: 90 };

  it("are the same with and without the index", () => {
    const scanned = pointsInBox(points, { box, threshold: 0.4 }, 100_000);
    const indexed = pointsInBox(points, { box, threshold: 0.4, query }, 100_000);
    expect([...indexed].sort((a, b) => a - b)).toEqual([...scanned]);
    expect(countInBox(points, { box, threshold: 0.4, query })).toBe(scanned.length);
    expect(scanned.length).toBeGreaterThan(100);
  });

  it("are a prefix, a fair sample, when there are too many", () => {
    const all = pointsInBox(points, { box, threshold: 0.2 }, 100_000);
    const some = pointsInBox(points, { box, threshold: 0.2 }, 50);
    expect([...some]).toEqual([...all].slice(0, 50));
    expect(pointsInBox(NO_POINTS, { box, threshold: 0 }, 50)).toHaveLength(0);
  });

  it("over the whole slide are what the count says", () => {
    const whole = { x: 0, y: 0, width: 1000, height: 800 };
    for (const threshold of [0, 0.33, 0.9, points.scores[7]!]) {
      expect(countInBox(points, { box: whole, threshold })).toBe(countAtLeast(points, threshold));
    }
  });
});

describe("points of a run that goes on", () => {
  it("are joined block by block, as if they had come at once", () => {
    const all = manyPoints(500);
    const bytes = new Float32Array(1500);
    for (let i = 0; i < 500; i += 1) bytes.set([all.xy[2 * i]!, all.xy[2 * i + 1]!, all.scores[i]!], 3 * i);
    const parts = [0, 0, 120, 121, 500].map((end, n, ends) =>
      decodePoints(bytes.slice(3 * (ends[n - 1] ?? 0), 3 * end).buffer),
    );
    expect(parts.reduce(joinPoints, NO_POINTS)).toEqual(all);
  });
});
