import { describe, expect, it } from "vitest";

import { imagePoint, polygonArea } from "./coordinates";
import { clampToImage, isLargeEnough, rectangle, regionFromJson, regionToJson } from "./regions";

describe("regions", () => {
  it("are the same rectangle from whichever corner it is drawn", () => {
    const drawn = rectangle(imagePoint(50, 80), imagePoint(10, 20));
    expect(regionToJson(drawn)).toEqual([
      [10, 20],
      [50, 20],
      [50, 80],
      [10, 80],
    ]);
    expect(polygonArea(drawn)).toBe(40 * 60);
  });

  it("stay on the slide", () => {
    expect(clampToImage(imagePoint(-5, 700), { width: 600, height: 500 })).toEqual({ x: 0, y: 500 });
  });

  it("go to the server in whole pixels and come back", () => {
    const json = regionToJson([imagePoint(0.4, 0.6), imagePoint(10, 0), imagePoint(10, 9.5)]);
    expect(json).toEqual([
      [0, 1],
      [10, 0],
      [10, 10],
    ]);
    expect(regionToJson(regionFromJson(json))).toEqual(json);
  });

  it("must hold a patch", () => {
    expect(isLargeEnough(rectangle(imagePoint(0, 0), imagePoint(70, 70)), 70)).toBe(true);
    expect(isLargeEnough(rectangle(imagePoint(0, 0), imagePoint(69, 70)), 70)).toBe(false);
    expect(isLargeEnough([imagePoint(0, 0), imagePoint(900, 900)], 70)).toBe(false);
  });
});
