import { describe, expect, it } from "vitest";

import { imagePoint, type View } from "./coordinates";
import { boxOnScreen } from "./drawUnread";

const view: View = { centre: imagePoint(1000, 1000), scale: 0.1, size: { width: 200, height: 100 } };

describe("an area that could not be read", () => {
  it("lies on screen where it lies on the slide", () => {
    expect(boxOnScreen(view, { x: 500, y: 800, width: 512, height: 256 })).toEqual({
      x: 50,
      y: 30,
      width: 51.2,
      height: 25.6,
    });
  });

  it("can be seen however small it is", () => {
    expect(boxOnScreen(view, { x: 1000, y: 1000, width: 1, height: 1 })).toMatchObject({
      width: 4,
      height: 4,
    });
  });

  it("is left out when out of sight", () => {
    expect(boxOnScreen(view, { x: 2001, y: 1000, width: 50, height: 50 })).toBeNull();
    expect(boxOnScreen(view, { x: 0, y: 0, width: 400, height: 400 })).toBeNull();
  });
});
