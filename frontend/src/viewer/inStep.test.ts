import { describe, expect, it } from "vitest";

import { imagePoint, screenPoint, toImage, turned } from "./coordinates";
import { ratioOf, stepBetween, toLeft, toRight } from "./inStep";
import type { Place } from "./viewLink";

const place = (x: number, y: number, scale: number, rotation = 0): Place => ({
  centre: imagePoint(x, y),
  scale,
  rotation,
});

const steps = [
  stepBetween(place(100, 200, 1), place(100, 200, 1), 1),
  stepBetween(place(5000, 4000, 0.5), place(900, 100, 1), ratioOf(0.25, 0.5)),
  stepBetween(place(5000, 4000, 0.5, 30), place(900, 100, 1, 120), ratioOf(0.25, 1)),
];

describe("two slides in step", () => {
  it("show the same lengths where both scales are known, else the same pixels", () => {
    expect(ratioOf(0.25, 0.5)).toBe(0.5);
    expect([ratioOf(null, 0.5), ratioOf(0.5, null)]).toEqual([1, 1]);
    const right = toRight(steps[1]!, place(5000, 4000, 0.5));
    expect(right.scale / 0.5).toBeCloseTo(0.5 / 0.25, 9);
  });

  it.each(steps)("come back where they were (%#)", (step) => {
    const left = place(5321, 3210, 0.7, 77);
    const back = toLeft(step, toRight(step, left));
    expect(back.centre.x).toBeCloseTo(5321, 6);
    expect(back.centre.y).toBeCloseTo(3210, 6);
    expect(back.scale).toBeCloseTo(0.7, 9);
    expect(back.rotation).toBeCloseTo(77, 9);
  });

  it.each(steps)("move by the same way on screen (%#)", (step) => {
    const size = { width: 800, height: 600 };
    const before = place(5000, 4000, 0.5, 30);
    const after: Place = { ...before, centre: toImage({ ...before, size }, screenPoint(500, 350)) };
    const [first, second] = [toRight(step, before), toRight(step, after)];
    const away = { x: second.centre.x - first.centre.x, y: second.centre.y - first.centre.y };
    const onScreen = turned({ x: away.x * first.scale, y: away.y * first.scale }, first.rotation ?? 0);
    expect(onScreen.x).toBeCloseTo(100, 6);
    expect(onScreen.y).toBeCloseTo(50, 6);
  });

  it("keep what one was shifted and turned against the other", () => {
    const step = stepBetween(place(0, 0, 1, 10), place(50, 70, 1, 100), 1);
    expect(toRight(step, place(0, 0, 1, 10))).toEqual(place(50, 70, 1, 100));
  });
});
