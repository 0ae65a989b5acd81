import { describe, expect, it } from "vitest";

import type { Marker } from "@/api/types";

import type { Operation } from "./operations";
import { withSaved } from "./saving";

const ana = { id: 1, name: "Ana" };
const luis = { id: 2, name: "Luis" };
const at = "2026-01-01T00:00:00Z";

const marker = (patch_id: number, class_id: number, mine = true): Marker => ({
  patch_id,
  class_id,
  mine,
  x_l0: 40,
  y_l0: 50,
  reader: mine ? ana : luis,
  source: "click",
  created_at: at,
});

const base = { clientKey: "k", userId: 1, slideId: 3, x: 10, y: 20, at } as const;
const create: Operation = { ...base, kind: "create", classId: 1 };
const change = (patchId: number, classId: number | null): Operation => ({
  ...base,
  kind: "change",
  target: { patchId },
  classId,
});

describe("markers after a saved operation", () => {
  it("hold the centre that the server stored", () => {
    const stored = { ...marker(9, 1), x_l0: 35, y_l0: 35 };
    expect(withSaved([], create, { patchId: 9, marker: stored }, ana)).toEqual([stored]);
  });

  it("take a change in place and leave the others alone", () => {
    const markers = [marker(8, 1), marker(9, 1)];
    const after = withSaved(markers, change(9, 2), { patchId: 9, marker: null }, ana);
    expect(after).toEqual([marker(8, 1), marker(9, 2)]);
  });

  it("lose only one's own label when it is withdrawn", () => {
    const markers = [marker(9, 1), marker(9, 2, false)];
    expect(withSaved(markers, change(9, null), { patchId: 9, marker: null }, ana)).toEqual([
      marker(9, 2, false),
    ]);
  });

  it("gain one's own label beside another reader's", () => {
    const after = withSaved([marker(9, 2, false)], change(9, 1), { patchId: 9, marker: null }, ana);
    expect(after).toMatchObject([
      { mine: false, class_id: 2 },
      { mine: true, class_id: 1, x_l0: 10, y_l0: 20 },
    ]);
  });

  it("show a withdrawn label again where it was", () => {
    expect(withSaved([], change(9, 1), { patchId: 9, marker: null }, ana)).toMatchObject([
      { patch_id: 9, x_l0: 10, y_l0: 20, class_id: 1, mine: true, reader: ana },
    ]);
  });
});
