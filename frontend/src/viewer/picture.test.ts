import { describe, expect, it } from "vitest";

import { AS_IT_IS, curveOf, isAsItIs } from "./picture";

const at = (value: number, picture: Parameters<typeof curveOf>[0]): number => {
  const { amplitude, exponent, offset } = curveOf(picture);
  return amplitude * value ** exponent + offset;
};

describe("the picture", () => {
  it("is left as it is by default", () => {
    expect(isAsItIs(AS_IT_IS)).toBe(true);
    for (const value of [0, 0.3, 1]) expect(at(value, AS_IT_IS)).toBeCloseTo(value, 9);
  });

  it("gets brighter, and steeper about middle grey, and lighter in the shadows", () => {
    expect(at(0.4, { ...AS_IT_IS, brightness: 1.5 })).toBeCloseTo(0.6, 9);
    expect(at(0.5, { ...AS_IT_IS, contrast: 2 })).toBeCloseTo(0.5, 9);
    expect(at(0.6, { ...AS_IT_IS, contrast: 2 })).toBeCloseTo(0.7, 9);
    expect(at(0.25, { ...AS_IT_IS, gamma: 2 })).toBeCloseTo(0.5, 9);
  });
});
