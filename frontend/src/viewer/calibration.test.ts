import { describe, expect, it } from "vitest";

import { isScale, lineLength, mppOfLength, objectiveOf, usualMpp } from "./calibration";
import { imagePoint } from "./coordinates";

describe("calibration", () => {
  it.each([
    [500, "µm", 2000, 0.25],
    [1, "mm", 1992, 0.50201],
    [100, "µm", 3, 33.333],
    [0, "µm", 100, null],
    [-5, "µm", 100, null],
    [10, "µm", 0, null],
    [NaN, "µm", 100, null],
  ] as const)("%d %s over %d px", (length, unit, px, mpp) => {
    expect(mppOfLength(length, unit, px)).toBe(mpp);
  });

  it("measures a line on the slide, whichever way it was drawn", () => {
    const [a, b] = [imagePoint(10, 20), imagePoint(310, 420)];
    expect(lineLength({ from: a, to: b })).toBe(500);
    expect(lineLength({ from: b, to: a })).toBe(500);
  });

  it("knows the usual scale of each objective, and which objective a scale is of", () => {
    expect([4, 10, 20, 40].map(usualMpp)).toEqual([2.5, 1, 0.5, 0.25]);
    expect([2.5, 1, 0.5, 0.25, 0.3].map(objectiveOf)).toEqual([4, 10, 20, 40, null]);
  });

  it("has the server's bounds", () => {
    expect([0.01, 100, 0.0099, 100.1, 0, NaN].map(isScale)).toEqual([true, true, false, false, false, false]);
  });
});
