import { describe, expect, it } from "vitest";

import { imagePoint, polygonArea } from "./coordinates";
import {
  clampToImage,
  crossesItself,
  faultOf,
  MOST_CORNERS,
  rectangle,
  regionFromJson,
  regionToJson,
} from "./regions";

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
    expect(faultOf(rectangle(imagePoint(0, 0), imagePoint(70, 70)), 70)).toBeNull();
    expect(faultOf(rectangle(imagePoint(0, 0), imagePoint(69, 70)), 70)).toBe("small");
    expect(faultOf([imagePoint(0, 0), imagePoint(900, 900)], 70)).toBe("small");
  });

  it("must not cross their own outline, but may touch it", () => {
    const bowTie = regionFromJson([
      [0, 0],
      [300, 300],
      [300, 0],
      [0, 300],
    ]);
    expect(faultOf(bowTie, 70)).toBe("crossing");
    const touching = regionFromJson([
      [0, 0],
      [150, 150],
      [300, 0],
      [300, 300],
      [150, 150],
      [0, 300],
    ]);
    expect(crossesItself(touching)).toBe(false);
    expect(faultOf(touching, 70)).toBeNull();
  });

  it("have a thousand corners at most", () => {
    const corners = Array.from({ length: MOST_CORNERS + 1 }, (_, n) => {
      const turn = (2 * Math.PI * n) / (MOST_CORNERS + 1);
      return imagePoint(500 + 400 * Math.cos(turn), 500 + 400 * Math.sin(turn));
    });
    expect(faultOf(corners, 70)).toBe("corners");
    expect(faultOf(corners.slice(1), 70)).toBeNull();
  });
});
