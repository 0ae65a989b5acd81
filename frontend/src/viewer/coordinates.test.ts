import { describe, expect, it } from "vitest";

import {
  imagePoint,
  isInside,
  middleOf,
  normalTurn,
  patchBox,
  patchCentre,
  patchSide,
  pixelOf,
  polygonArea,
  screenCorners,
  screenPoint,
  shownShare,
  toImage,
  toImageStep,
  toScreen,
  visibleBox,
  type View,
} from "./coordinates";

const views: View[] = [
  { centre: imagePoint(300, 250), scale: 1, size: { width: 1000, height: 700 } },
  { centre: imagePoint(6000.25, 4500.75), scale: 0.0625, size: { width: 1440, height: 900 } },
  { centre: imagePoint(-40, 12_000), scale: 8, size: { width: 333, height: 777 } },
  { centre: imagePoint(300, 250), scale: 1, size: { width: 1000, height: 700 }, rotation: 90 },
  { centre: imagePoint(-40, 12_000), scale: 8, size: { width: 333, height: 777 }, rotation: -33.3 },
];

const turnedBy = (rotation: number): View => ({
  centre: imagePoint(100, 100),
  scale: 2,
  size: { width: 200, height: 100 },
  rotation,
});

describe("image and screen points", () => {
  it.each(views)("come back where they were, image → screen → image (%#)", (view) => {
    for (const [x, y] of [
      [0, 0],
      [123.5, 456.25],
      [-7, 90_000],
    ] as const) {
      const back = toImage(view, toScreen(view, imagePoint(x, y)));
      expect(back.x).toBeCloseTo(x, 6);
      expect(back.y).toBeCloseTo(y, 6);
    }
  });

  it.each(views)("come back where they were, screen → image → screen (%#)", (view) => {
    for (const [x, y] of [
      [0, 0],
      [17, 211],
      [999, 3],
    ] as const) {
      const back = toScreen(view, toImage(view, screenPoint(x, y)));
      expect(back.x).toBeCloseTo(x, 6);
      expect(back.y).toBeCloseTo(y, 6);
    }
  });

  it("puts the centre in the middle of the screen", () => {
    const view = views[0]!;
    expect(toScreen(view, view.centre)).toEqual({ x: 500, y: 350 });
  });

  it.each(views)("keeps every pixel under its own marker (%#)", (view) => {
    for (let x = 0; x < 50; x += 1) {
      expect(pixelOf(toImage(view, toScreen(view, middleOf(imagePoint(x, x)))))).toEqual({ x, y: x });
    }
  });

  it("names the visible box", () => {
    const box = visibleBox({ centre: imagePoint(100, 100), scale: 2, size: { width: 200, height: 100 } });
    expect(box).toEqual({ x: 50, y: 75, width: 100, height: 50 });
  });
});

describe("a turned slide", () => {
  it("turns clockwise: what lay on the right lies below", () => {
    expect(toScreen(turnedBy(90), imagePoint(110, 100))).toEqual({ x: 100, y: 70 });
    expect(toScreen(turnedBy(-90), imagePoint(110, 100))).toEqual({ x: 100, y: 30 });
    expect(toScreen(turnedBy(180), imagePoint(110, 100))).toEqual({ x: 80, y: 50 });
  });

  it("is panned along the screen", () => {
    const step = toImageStep(turnedBy(90), { x: 20, y: 0 });
    expect([step.x, step.y]).toEqual([0, -10]);
  });

  it("shows a box that holds all of the screen", () => {
    expect(visibleBox(turnedBy(90))).toEqual({ x: 75, y: 50, width: 50, height: 100 });
    const box = visibleBox(turnedBy(30));
    for (const { x, y } of screenCorners(turnedBy(30))) {
      expect(x).toBeGreaterThanOrEqual(box.x - 1e-9);
      expect(x).toBeLessThanOrEqual(box.x + box.width + 1e-9);
      expect(y).toBeGreaterThanOrEqual(box.y - 1e-9);
      expect(y).toBeLessThanOrEqual(box.y + box.height + 1e-9);
    }
  });

  it.each([
    [0, 0],
    [450, 90],
    [-270, 90],
    [180, 180],
    [-180, 180],
    [359, -1],
  ])("by %d degrees is turned by %d", (given, same) => expect(normalTurn(given)).toBe(same));
});

describe("the share in sight", () => {
  it("counts what a turned screen shows, not the box around it", () => {
    const view = { centre: imagePoint(500, 400), scale: 1, size: { width: 200, height: 200 } };
    const image = { width: 1000, height: 800 };
    for (const rotation of [0, 45, 90, 200])
      expect(shownShare({ ...view, rotation }, image)).toBeCloseTo(40_000 / 800_000, 9);
    const whole = { ...view, scale: 0.1 };
    expect(shownShare({ ...whole, rotation: 0 }, image)).toBeCloseTo(1, 9);
    expect(shownShare({ ...whole, scale: 0.16, rotation: 0 }, image)).toBeCloseTo(1, 9);
    expect(shownShare({ ...whole, scale: 0.16, rotation: 45 }, image)).toBeLessThan(1);
  });

  const image = { width: 1000, height: 800 };
  it.each([
    [imagePoint(500, 400), 0.5, 1],
    [imagePoint(500, 400), 2, 0.0625],
    [imagePoint(0, 400), 0.5, 0.5],
    [imagePoint(-5000, 400), 1, 0],
  ])("around %o at %d is %d", (centre, scale, share) => {
    expect(shownShare({ centre, scale, size: { width: 500, height: 400 } }, image)).toBeCloseTo(share, 9);
  });
});

describe("patches", () => {
  it("label the pixel ⌊u⌋, ⌊v⌋", () => {
    expect(pixelOf(imagePoint(10.99, 20.01))).toEqual({ x: 10, y: 20 });
  });

  it("are 70 px as they are, or the same tissue where both scales are known", () => {
    expect(patchSide(70, null, 0.25)).toBe(70);
    expect(patchSide(70, 0.25, null)).toBe(70);
    expect(patchSide(70, 0.25, 0.5)).toBe(35);
  });

  it("have the box [x − 35, x + 35)", () => {
    expect(patchBox(imagePoint(100, 200), 70)).toEqual({ x: 65, y: 165, width: 70, height: 70 });
  });

  it.each([
    [0, 35],
    [34, 35],
    [35, 35],
    [300, 300],
    [565, 565],
    [566, 565],
    [599, 565],
  ])("move inwards at an edge: %i → %i of 600", (given, stored) => {
    const box = patchBox(patchCentre(imagePoint(given, given), 70, { width: 600, height: 600 }), 70);
    expect(box.x + 35).toBe(stored);
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(600);
  });

  it("with an odd side stay inside too", () => {
    const box = patchBox(patchCentre(imagePoint(99, 99), 35, { width: 100, height: 100 }), 35);
    expect(box).toEqual({ x: 65, y: 65, width: 35, height: 35 });
  });
});

describe("shapes", () => {
  it("tell inside from outside, the far edge being outside", () => {
    const image = { width: 10, height: 5 };
    expect(isInside(imagePoint(0, 0), image)).toBe(true);
    expect(isInside(imagePoint(9.9, 4.9), image)).toBe(true);
    expect(isInside(imagePoint(10, 0), image)).toBe(false);
    expect(isInside(imagePoint(-0.1, 0), image)).toBe(false);
  });

  it("measure a polygon whichever way it was drawn", () => {
    const square = [imagePoint(0, 0), imagePoint(10, 0), imagePoint(10, 20), imagePoint(0, 20)];
    expect(polygonArea(square)).toBe(200);
    expect(polygonArea([...square].reverse())).toBe(200);
    expect(polygonArea([])).toBe(0);
  });
});
