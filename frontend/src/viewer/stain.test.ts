import { describe, expect, it } from "vitest";

import { isStainChannel, showStain, stainColour, stainDensity, type Rgb } from "./stain";

/** Densities and colours that detection/nn/stain.py and its matrix give. */
const KNOWN: readonly (readonly [Rgb, number, number])[] = [
  [[147, 101, 66], 0.0702, 0.7296],
  [[118, 128, 176], 0.5087, 0.0268],
  [[20, 10, 5], 0.9683, 1.7759],
  [[244, 244, 244], 0.0231, 0.0168],
  [[180, 120, 150], 0.1233, 0.2329],
];

describe("stains apart", () => {
  it.each(KNOWN)("measures %o as the detection does", (colour, haematoxylin, dab) => {
    expect(stainDensity("haematoxylin", colour)).toBeCloseTo(haematoxylin, 3);
    expect(stainDensity("dab", colour)).toBeCloseTo(dab, 3);
  });

  it.each(["haematoxylin", "dab"] as const)("paints %s with nothing of the others", (stain) => {
    for (const [colour] of KNOWN) {
      const painted = stainColour(stain, colour);
      const density = Math.max(0, stainDensity(stain, colour));
      expect(Math.max(0, stainDensity(stain, painted))).toBeCloseTo(density, density > 1 ? 1 : 1.5);
      const other = stain === "dab" ? "haematoxylin" : "dab";
      if (density < 1) expect(Math.abs(stainDensity(other, painted))).toBeLessThan(0.02);
    }
  });

  it("leaves glass white, and how clear it is", () => {
    const pixels = Uint8ClampedArray.of(255, 255, 255, 128);
    showStain(pixels, "dab");
    expect([...pixels]).toEqual([255, 255, 255, 128]);
  });

  it("knows its channels", () => {
    expect(["all", "dab", "eosin", null].map(isStainChannel)).toEqual([true, true, false, false]);
  });
});
