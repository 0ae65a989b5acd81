import { describe, expect, it } from "vitest";

import { maxLevel, slideTiles } from "./tileSource";

describe("tiles", () => {
  it.each([
    [1, 1, 0],
    [256, 100, 8],
    [257, 100, 9],
    [600, 500, 10],
    [12_000, 9_000, 14],
    [16_384, 1, 14],
    [16_385, 1, 15],
  ])("of %i × %i end at level %i", (width, height, level) => {
    expect(maxLevel({ width, height })).toBe(level);
  });

  it("are asked for by level, column and row", () => {
    const tiles = slideTiles(7, { width: 12_000, height: 9_000 });
    expect(tiles.getTileUrl(14, 3, 5)).toBe("/api/slides/7/tiles/14/3_5.jpg");
    expect(tiles).toMatchObject({ tileSize: 256, tileOverlap: 0, minLevel: 8, maxLevel: 14 });
  });

  it("of a tiny slide start no higher than they end", () => {
    expect(slideTiles(7, { width: 100, height: 90 })).toMatchObject({ minLevel: 7, maxLevel: 7 });
  });
});
