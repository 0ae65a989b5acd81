import { describe, expect, it } from "vitest";

import { gridAt, gridLines } from "./grid";

describe("the counting grid", () => {
  it.each([
    [1, 0.25, null, 20, "20 µm", 80],
    [1, 0.5, null, 50, "50 µm", 100],
    [0.02, 0.25, null, 1000, "1 mm", 4000],
    [1, null, null, 100, "100 px", 100],
    [8, 0.25, 200, 200, "200 µm", 800],
    [1, null, 500, 500, "500 px", 500],
  ] as const)("at %d with %s µm/px, chosen %s, has squares of %d", (scale, mpp, chosen, side, name, px) => {
    expect(gridAt(scale, mpp, chosen)).toEqual({ sidePx: px, name });
    expect(side).toBeGreaterThan(0);
  });

  it("has squares that can be seen at every zoom, and not too few", () => {
    for (let scale = 0.001; scale < 16; scale *= 1.3) {
      const onScreen = gridAt(scale, 0.23, null).sidePx * scale;
      expect(onScreen).toBeGreaterThan(50);
      expect(onScreen).toBeLessThanOrEqual(131);
    }
  });

  it("lies still on the slide: lines at multiples of the side, wherever one looks", () => {
    expect(gridLines(0, 400, 100)).toEqual([0, 100, 200, 300, 400]);
    expect(gridLines(130, 310, 100)).toEqual([200, 300]);
    expect(gridLines(101, 199, 100)).toEqual([]);
  });
});
