import { describe, expect, it } from "vitest";

import { imagePoint } from "./coordinates";
import { formatViewLink, parseViewLink, placeFromLink, placeToLink } from "./viewLink";

describe("link to a view", () => {
  it("reopens the same place", () => {
    const link = formatViewLink({ centre: imagePoint(6012.4, 4400.6), scale: 0.51239 });
    expect(link).toBe("#x=6012&y=4401&zoom=0.5124");
    expect(parseViewLink(link)).toEqual({
      centre: { x: 6012, y: 4401 },
      scale: 0.5124,
      rotation: 0,
      stain: "all",
    });
  });

  it("carries how the slide is turned, and the stain", () => {
    const link = formatViewLink({ centre: imagePoint(1, 2), scale: 1, rotation: -90.04 }, "dab");
    expect(link).toBe("#x=1&y=2&zoom=1&turn=-90&stain=dab");
    expect(parseViewLink(link)).toMatchObject({ rotation: -90, stain: "dab" });
    expect(parseViewLink("#x=1&y=2&zoom=1&turn=450&stain=eosin")).toMatchObject({
      rotation: 90,
      stain: "all",
    });
  });

  it("tells the two slides of a pair apart", () => {
    const values = { ...placeToLink({ centre: imagePoint(1, 2), scale: 1 }), x2: "7", y2: "8", zoom2: "0.5" };
    const read = new URLSearchParams(values);
    expect(placeFromLink(read)).toMatchObject({ centre: { x: 1, y: 2 }, scale: 1 });
    expect(placeFromLink(read, "2")).toMatchObject({ centre: { x: 7, y: 8 }, scale: 0.5 });
    expect(placeFromLink(read, "3")).toBeNull();
  });

  it.each([
    "",
    "#",
    "#x=1&y=2",
    "#x=a&y=2&zoom=1",
    "#x=1&y=2&zoom=0",
    "#x=1&y=2&zoom=1e9",
    "#x=Infinity&y=1&zoom=1",
  ])("is no view: %s", (hash) => expect(parseViewLink(hash)).toBeNull());

  it("takes zero for a coordinate", () => {
    expect(parseViewLink("#x=0&y=0&zoom=1")).toMatchObject({ centre: { x: 0, y: 0 }, scale: 1 });
  });
});
