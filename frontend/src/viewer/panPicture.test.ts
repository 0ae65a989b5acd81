import { describe, expect, it, vi } from "vitest";

import { imagePoint, type View } from "./coordinates";
import { cornerIn, PanPicture, widened } from "./panPicture";

const view: View = { centre: imagePoint(1000, 500), scale: 0.5, size: { width: 400, height: 200 } };
const moved = (x: number, y: number): View => ({ ...view, centre: imagePoint(1000 + x, 500 + y) });

describe("the picture around the screen", () => {
  it("reaches a quarter further on every side", () => {
    expect(widened(view).size).toEqual({ width: 600, height: 300 });
    expect(cornerIn(widened(view), view)).toEqual({ x: 100, y: 50 });
  });

  it("holds the screen while it moves by no more than that", () => {
    const wide = widened(view);
    expect(cornerIn(wide, moved(200, -100))).toEqual({ x: 200, y: 0 });
    expect(cornerIn(wide, moved(202, 0))).toBeNull();
    expect(cornerIn(wide, moved(0, 102))).toBeNull();
  });
});

describe("panning", () => {
  const context = {
    canvas: { width: 400 },
    save: vi.fn(),
    restore: vi.fn(),
    setTransform: vi.fn(),
    drawImage: vi.fn(),
  };
  const draw = (picture: PanPicture, at: View, render: () => void) =>
    picture.draw(context as unknown as CanvasRenderingContext2D, at, render);

  it("draws anew for another content or zoom, and else moves the picture", () => {
    const picture = new PanPicture();
    const [first, second] = [vi.fn(), vi.fn()];
    draw(picture, view, first);
    expect([first.mock.calls.length, context.drawImage.mock.calls.length]).toEqual([1, 0]);
    draw(picture, moved(2, 0), first);
    draw(picture, moved(42, 10), first);
    expect(context.drawImage.mock.calls.map(([, x, y]) => [x, y] as unknown)).toEqual([
      [-100, -50],
      [-120, -55],
    ]);
    draw(picture, { ...view, scale: 1 }, first);
    draw(picture, { ...view, scale: 1 }, second);
    expect([second.mock.calls.length, context.drawImage.mock.calls.length]).toEqual([1, 2]);
    draw(picture, { ...view, scale: 1, rotation: 15 }, second);
    expect([second.mock.calls.length, context.drawImage.mock.calls.length]).toEqual([2, 2]);
  });
});
