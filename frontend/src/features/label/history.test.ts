import { describe, expect, it } from "vitest";

import { did, EMPTY, redo, undo, type Step } from "./history";

const labelled: Step = { target: { createKey: "a" }, x: 1, y: 2, before: null, after: 1 };
const changed: Step = { target: { createKey: "a" }, x: 1, y: 2, before: 1, after: 2 };

describe("undo and redo", () => {
  it("walk back and forth over what was done", () => {
    const history = did(did(EMPTY, labelled), changed);
    const first = undo(history)!;
    expect([first.step, first.classId]).toEqual([changed, 1]);
    const second = undo(first.history)!;
    expect([second.step, second.classId]).toEqual([labelled, null]);
    expect(undo(second.history)).toBeNull();
    const again = redo(second.history)!;
    expect([again.step, again.classId]).toEqual([labelled, 1]);
    expect(redo(again.history)!.history).toEqual(history);
  });

  it("forget what was undone once something new is done", () => {
    const { history } = undo(did(EMPTY, labelled))!;
    expect(redo(did(history, changed))).toBeNull();
  });
});
