import { describe, expect, it } from "vitest";

import { imagePoint } from "./coordinates";
import { boxOnMap } from "./OverviewMap";

const size = { width: 1800, height: 1300 };
const map = { width: 180, height: 130 };

describe("the box on the overview map", () => {
  it("shows what is on screen", () => {
    const view = { centre: imagePoint(900, 650), scale: 1, size: { width: 600, height: 400 } };
    expect(boxOnMap(view, size, map)).toEqual({ left: 60, top: 45, width: 60, height: 40 });
  });

  it("ends at the slide", () => {
    const view = { centre: imagePoint(0, 0), scale: 0.1, size: { width: 600, height: 400 } };
    const box = boxOnMap(view, size, map);
    expect(box).toEqual({ left: 0, top: 0, width: 180, height: 130 });
  });

  it("is turned against the slide, and the map stays", () => {
    const view = { centre: imagePoint(900, 650), scale: 1, size: { width: 600, height: 400 }, rotation: 90 };
    expect(boxOnMap(view, size, map)).toEqual({
      left: 60,
      top: 45,
      width: 60,
      height: 40,
      transform: "rotate(-90deg)",
    });
  });

  it("can still be seen at high zoom, at the far corner too", () => {
    const view = { centre: imagePoint(1800, 1300), scale: 40, size: { width: 600, height: 400 } };
    expect(boxOnMap(view, size, map)).toEqual({ left: 174, top: 124, width: 6, height: 6 });
  });
});
