import { describe, expect, it } from "vitest";

import type { DetectionRun } from "@/api/types";
import { decodePoints } from "@/viewer/points";

import { numbersAt, runToShow } from "./result";

const points = decodePoints(new Float32Array([1, 1, 0.9, 2, 2, 0.6, 3, 3, 0.3, 4, 4, 0.6]).buffer);
const run = { count: 3, threshold: 0.5, area_px: 8_000_000, area_mm2: null };
const runs = [
  { id: 4, state: "failed" },
  { id: 3, state: "done" },
  { id: 2, state: "running" },
] as DetectionRun[];

describe("numbers of a run", () => {
  it("follow the threshold at once", () => {
    expect(numbersAt(run, points, 0.5, null).count).toBe(3);
    expect(numbersAt(run, points, 0.6, null).count).toBe(3);
    expect(numbersAt(run, points, 0.61, null).count).toBe(1);
  });

  it("are the stored ones until the points are there, and unknown at another threshold", () => {
    expect(numbersAt(run, null, 0.5, null).count).toBe(3);
    expect(numbersAt(run, null, 0.6, null)).toEqual({ count: null, areaMm2: null, densityPerMm2: null });
  });

  it("have a density only where the scale is known", () => {
    expect(numbersAt(run, points, 0.5, null)).toEqual({ count: 3, areaMm2: null, densityPerMm2: null });
    const { areaMm2, densityPerMm2 } = numbersAt(run, points, 0.5, 0.5);
    expect(areaMm2).toBeCloseTo(2, 9);
    expect(densityPerMm2).toBeCloseTo(1.5, 9);
  });

  it("trust the area that was measured with the run", () => {
    expect(numbersAt({ ...run, area_mm2: 3 }, points, 0.5, 0.5)).toMatchObject({
      areaMm2: 3,
      densityPerMm2: 1,
    });
  });
});

describe("the run to show", () => {
  it("is the chosen one, then a running one, then the newest with a result, then the newest", () => {
    expect(runToShow(runs, 4)?.id).toBe(4);
    expect(runToShow(runs, null)?.id).toBe(2);
    expect(runToShow(runs.slice(0, 2), null)?.id).toBe(3);
    expect(runToShow(runs.slice(0, 1), null)?.id).toBe(4);
    expect(runToShow([], null)).toBeNull();
  });
});
