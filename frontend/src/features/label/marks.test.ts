import { describe, expect, it } from "vitest";

import type { Marker } from "@/api/types";

import { countPerClass, markOfPatch, marksOf } from "./marks";
import type { Operation, PatchRef } from "./queue/operations";

const marker = (patch_id: number, class_id: number | null, mine = true): Marker => ({
  patch_id,
  class_id,
  mine,
  x_l0: 100,
  y_l0: 60,
  source: "click",
  reader: { id: mine ? 1 : 2, name: mine ? "Ana" : "Luis" },
  created_at: `2026-01-01T00:00:0${patch_id}Z`,
});

const base = { userId: 1, slideId: 3, x: 10, y: 20, at: "2026-01-02T00:00:00Z" } as const;
const create = (clientKey: string, classId: number): Operation => ({
  ...base,
  kind: "create",
  clientKey,
  classId,
});
const change = (target: PatchRef, classId: number | null): Operation => ({
  ...base,
  kind: "change",
  clientKey: "c",
  target,
  classId,
});

describe("marks", () => {
  it("show a label that still waits, at the middle of its pixel", () => {
    const [mark] = marksOf([], [create("a", 1)], 3, "Ana");
    expect(mark).toMatchObject({
      ref: { createKey: "a" },
      classId: 1,
      isWaiting: true,
      at: { x: 10.5, y: 20.5 },
    });
  });

  it("leave out what waits for another slide, and what has been withdrawn", () => {
    expect(marksOf([marker(1, null)], [create("a", 1)], 4, "Ana")).toEqual([]);
  });

  it("take changes in the order they were made", () => {
    const waiting = [create("a", 1), change({ createKey: "a" }, 2), change({ patchId: 5 }, null)];
    const marks = marksOf([marker(5, 1), marker(6, 1)], waiting, 3, "Ana");
    expect(marks.map((mark) => [mark.id, mark.classId, mark.isWaiting])).toEqual([
      ["patch 6", 1, false],
      ["key a", 2, true],
    ]);
  });

  it("bring a withdrawn label back when that is undone", () => {
    const marks = marksOf([], [change({ patchId: 5 }, 1)], 3, "Ana");
    expect(marks).toMatchObject([{ ref: { patchId: 5 }, classId: 1, pixel: { x: 10, y: 20 } }]);
  });

  it("keep two readers' labels of one patch apart, and find one's own first", () => {
    const marks = marksOf([marker(5, 2, false), marker(5, 1)], [], 3, "Ana");
    expect(marks).toHaveLength(2);
    expect(markOfPatch(marks, { patchId: 5 })).toMatchObject({ mine: true, classId: 1 });
    expect(markOfPatch(marks, { patchId: 6 })).toBeNull();
    expect(markOfPatch(marks, null)).toBeNull();
  });

  it("count patches, not readers", () => {
    const marks = marksOf([marker(5, 1, false), marker(5, 1), marker(6, 2)], [create("a", 1)], 3, "Ana");
    expect(Object.fromEntries(countPerClass(marks))).toEqual({ 1: 2, 2: 1 });
  });
});
