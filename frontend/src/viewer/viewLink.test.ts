import { describe, expect, it } from "vitest";

import { imagePoint } from "./coordinates";
import { formatViewLink, parseViewLink } from "./viewLink";

describe("link to a view", () => {
  it("reopens the same place", () => {
    const link = formatViewLink({ centre: imagePoint(6012.4, 4400.6), scale: 0.51239 });
    expect(link).toBe("#x=6012&y=4401&zoom=0.5124");
    expect(parseViewLink(link)).toEqual({ centre: { x: 6012, y: 4401 }, scale: 0.5124 });
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
    expect(parseViewLink("#x=0&y=0&zoom=1")).toEqual({ centre: { x: 0, y: 0 }, scale: 1 });
  });
});
