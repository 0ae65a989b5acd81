import { describe, expect, it } from "vitest";

import {
  isPastNative,
  magnificationText,
  nativeMagnification,
  roundLength,
  scaleBar,
  zoomChoices,
} from "./scaleBar";

describe("round lengths", () => {
  it.each([
    [1, 1],
    [1.99, 1],
    [2, 2],
    [4.99, 2],
    [5, 5],
    [9.99, 5],
    [10, 10],
    [160, 100],
    [0.3, 0.2],
    [0.05, 0.05],
    [1000, 1000],
  ])("the largest of 1, 2, 5 × 10ⁿ up to %d is %d", (limit, length) => {
    expect(roundLength(limit)).toBeCloseTo(length, 9);
  });
});

describe("scale bar", () => {
  it("is in µm where mpp is known", () => {
    expect(scaleBar(1, 0.25)).toEqual({ length: 20, unit: "µm", screenPx: 80 });
  });

  it("goes over to mm", () => {
    expect(scaleBar(0.01, 0.25)).toEqual({ length: 2, unit: "mm", screenPx: 80 });
  });

  it("is in px where mpp is unknown", () => {
    expect(scaleBar(0.5, null)).toEqual({ length: 200, unit: "px", screenPx: 100 });
  });

  it("is never longer than asked nor shorter than two fifths of it", () => {
    for (let scale = 0.001; scale < 40; scale *= 1.17) {
      for (const mpp of [null, 0.11, 0.25, 0.4991, 1]) {
        const bar = scaleBar(scale, mpp, 150);
        expect(bar.screenPx).toBeLessThanOrEqual(150 * 1.000001);
        expect(bar.screenPx).toBeGreaterThan(150 * 0.399);
      }
    }
  });

  it("tells native zoom from past it", () => {
    expect(isPastNative(1)).toBe(false);
    expect(isPastNative(1.01)).toBe(true);
  });
});

describe("magnification", () => {
  it("takes 10× for 1 µm per pixel, and mpp before the objective", () => {
    expect(nativeMagnification(0.25, 20)).toBe(40);
    expect(nativeMagnification(null, 20)).toBe(20);
    expect(nativeMagnification(null, null)).toBeNull();
  });

  it("reads out × where the scale is known and per cent where not", () => {
    expect(magnificationText(0.5, 40)).toBe("20×");
    expect(magnificationText(0.125, 10)).toBe("1.3×");
    expect(magnificationText(0.01, 40)).toBe("0.40×");
    expect(magnificationText(0.5, null)).toBe("50 %");
  });

  it("offers 1× to 40×, or per cent of native zoom where the scale is unknown", () => {
    expect(zoomChoices(40).map(({ name }) => name)).toEqual(["1×", "2×", "5×", "10×", "20×", "40×"]);
    expect(zoomChoices(40).at(-2)).toEqual({ name: "20×", scale: 0.5 });
    expect(zoomChoices(null).at(-2)).toEqual({ name: "100 %", scale: 1 });
  });
});
