import { describe, expect, it } from "vitest";

import {
  binSide,
  countBins,
  DensityMap,
  estimateIn,
  merged,
  smoothed,
  topDensity,
  type Bins,
} from "./density";
import { cellsShare, dotRadius } from "./drawPoints";
import { buildIndex, queryOf } from "./pointIndex";
import { countAtLeast, decodePoints } from "./points";

const size = { width: 1000, height: 800 };
const whole = { x: 0, y: 0, ...size };

/** A slide with a cell of score 0.5 in every 10 × 10 px, and one of 0.9 at each corner of a nest. */
function points() {
  const triples: number[] = [];
  for (let y = 5; y < size.height; y += 10)
    for (let x = 5; x < size.width; x += 10) triples.push(x, y, x < 100 && y < 100 ? 0.9 : 0.5);
  return decodePoints(new Float32Array(triples).buffer);
}

const sum = ({ values }: Bins): number => values.reduce((total, value) => total + value, 0);

describe("bins", () => {
  it("span 7 to 14 screen pixels and change once per doubling of the zoom", () => {
    for (let scale = 0.001; scale < 4; scale *= 1.07) {
      const onScreen = binSide(scale) * scale;
      expect(onScreen).toBeGreaterThanOrEqual(7);
      expect(onScreen).toBeLessThan(14);
      expect(Number.isInteger(Math.log2(binSide(scale)))).toBe(true);
    }
  });

  it("hold every point that reaches the threshold, once", () => {
    const all = points();
    for (const threshold of [0, 0.5, 0.6, 0.95]) {
      expect(sum(countBins(all, threshold, whole, 64))).toBe(countAtLeast(all, threshold));
    }
  });

  it("lie on the slide's grid wherever they are looked at", () => {
    const all = points();
    const part = countBins(all, 0, { x: 130, y: 70, width: 200, height: 100 }, 32);
    const every = countBins(all, 0, whole, 32);
    expect([part.x, part.y, part.columns, part.rows]).toEqual([128, 64, 7, 4]);
    for (let row = 0; row < part.rows; row += 1)
      for (let column = 0; column < part.columns; column += 1) {
        const same = (row + 2) * every.columns + column + 4;
        expect(part.values[row * part.columns + column]).toBe(every.values[same]);
      }
  });

  it("can be merged into larger ones", () => {
    const small = countBins(points(), 0.2, whole, 32);
    expect(merged(small, 4)).toEqual(countBins(points(), 0.2, whole, 128));
    expect(merged(small, 1)).toEqual(small);
  });

  it("are the same with the index", () => {
    const all = points();
    const box = { x: 130, y: 70, width: 200, height: 100 };
    expect(countBins(all, 0.2, box, 32, queryOf(buildIndex(all.xy)))).toEqual(countBins(all, 0.2, box, 32));
  });

  it("are spread evenly, and none is lost inside", () => {
    const one = { side: 1, x: 0, y: 0, columns: 5, rows: 4, values: new Float32Array(20) };
    one.values[7] = 16;
    const { values } = smoothed(one);
    expect([...values.slice(1, 4), ...values.slice(6, 9), ...values.slice(11, 14)]).toEqual([
      1, 2, 1, 2, 4, 2, 1, 2, 1,
    ]);
    expect(sum({ ...one, values })).toBe(16);
  });

  it("have a top that a few odd bins do not set", () => {
    const values = new Float32Array(1000).fill(4);
    values[3] = 5000;
    values[4] = 0;
    expect(topDensity({ side: 2, x: 0, y: 0, columns: 100, rows: 10, values })).toBe(1);
    expect(topDensity({ side: 2, x: 0, y: 0, columns: 1, rows: 1, values: new Float32Array(1) })).toBe(0);
  });

  it("estimate how many points lie in a box", () => {
    const bins = countBins(points(), 0, whole, 64);
    expect(estimateIn(bins, { x: -500, y: -500, width: 5000, height: 5000 })).toBe(8000);
    expect(estimateIn(bins, { x: 301, y: 203, width: 200, height: 100 })).toBeCloseTo(200, -1);
    expect(estimateIn(bins, { x: 2000, y: 0, width: 10, height: 10 })).toBe(0);
  });
});

describe("the density of a result", () => {
  it("is counted once while the view stays inside, anew when it leaves or zooms", () => {
    const map = new DensityMap(points(), 0, size, null);
    const box = { x: 300, y: 300, width: 100, height: 80 };
    const first = map.around(box, 4);
    expect(map.around({ ...box, x: 330, y: 270 }, 4.4)).toBe(first);
    expect(map.around({ ...box, x: 600 }, 4)).not.toBe(first);
    expect(map.around(box, 8).side).toBe(1);
    expect(sum(map.around(box, 0.01))).toBeLessThanOrEqual(8000);
  });

  it("has one top at every zoom, and follows the threshold", () => {
    const [low, high] = [0, 0.9].map((threshold) => new DensityMap(points(), threshold, size, null));
    expect(low!.topPerPx).toBeGreaterThan(0);
    expect(low!.estimate(whole)).toBe(8000);
    expect(high!.estimate(whole)).toBe(100);
  });

  it("of no cells is nothing", () => {
    const map = new DensityMap(decodePoints(new ArrayBuffer(0)), 0.5, size, null);
    expect([map.topPerPx, map.estimate(whole), sum(map.around(whole, 0.1))]).toEqual([0, 0, 0]);
  });
});

describe("cells or density", () => {
  it("fade into one another as cells become too many for the screen", () => {
    expect(cellsShare("auto", 0.1, 0.05)).toBe(1);
    expect(cellsShare("auto", 1, 0.05)).toBeCloseTo(0.5);
    expect(cellsShare("auto", 10, 0.05)).toBe(0);
    let last = 1;
    for (let crowding = 0.3; crowding < 3; crowding *= 1.02) {
      const share = cellsShare("auto", crowding, 0.05);
      expect(last - share).toBeGreaterThanOrEqual(0);
      expect(last - share).toBeLessThan(0.05);
      last = share;
    }
  });

  it("are cells where each can be judged, and what one asks for", () => {
    expect(cellsShare("auto", 100, 0.5)).toBe(1);
    expect(cellsShare("auto", 100, 0.3)).toBe(0);
    expect(cellsShare("points", 100, 0.01)).toBe(1);
    expect(cellsShare("density", 0.01, 1)).toBe(0);
  });

  it("draw smaller dots the closer they lie", () => {
    expect(dotRadius(110, false)).toBe(1.5);
    expect(dotRadius(400, false)).toBe(4.25);
    expect(dotRadius(1e6, false)).toBe(5);
    expect(dotRadius(1e6, true)).toBe(3);
    expect(dotRadius(1, false)).toBe(1.5);
  });
});
