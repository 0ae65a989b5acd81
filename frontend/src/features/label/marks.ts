/** The labels to show: what the server lists, with what still waits laid over it. */

import type { Marker } from "@/api/types";
import { imagePoint, middleOf, type ImagePoint } from "@/viewer/coordinates";
import type { DrawnMark } from "@/viewer/drawMarks";

import { isSamePatch, refOf, type Operation, type PatchRef } from "./queue/operations";

export interface Mark extends DrawnMark {
  readonly ref: PatchRef;
  /** Centre pixel, level 0. */
  readonly pixel: ImagePoint;
  readonly reader: string;
  readonly createdAt: string;
}

const nameOf = (ref: PatchRef): string =>
  "patchId" in ref ? `patch ${ref.patchId}` : `key ${ref.createKey}`;

function markOf(marker: Marker, classId: number): Mark {
  const pixel = imagePoint(marker.x_l0, marker.y_l0);
  const ref = { patchId: marker.patch_id };
  return {
    id: `${nameOf(ref)}${marker.mine ? "" : ` of ${marker.reader.id}`}`,
    ref,
    pixel,
    at: middleOf(pixel),
    classId,
    mine: marker.mine,
    isWaiting: false,
    reader: marker.reader.name,
    createdAt: marker.created_at,
  };
}

function waitingMark(operation: Operation, classId: number, me: string): Mark {
  const pixel = imagePoint(operation.x, operation.y);
  const ref = refOf(operation);
  return {
    id: nameOf(ref),
    ref,
    pixel,
    at: middleOf(pixel),
    classId,
    mine: true,
    isWaiting: true,
    reader: me,
    createdAt: operation.at,
  };
}

/** Newest last; one entry per patch and reader. */
export function marksOf(
  markers: readonly Marker[],
  waiting: readonly Operation[],
  slideId: number,
  me: string,
): Mark[] {
  const saved = markers.filter((marker) => marker.class_id !== null);
  const marks = new Map(
    saved.map((marker) => markOf(marker, marker.class_id!)).map((mark) => [mark.id, mark]),
  );
  for (const operation of waiting) {
    if (operation.slideId !== slideId) continue;
    const id = nameOf(refOf(operation));
    const old = marks.get(id);
    if (operation.classId === null) marks.delete(id);
    else if (old) marks.set(id, { ...old, classId: operation.classId, isWaiting: true });
    else marks.set(id, waitingMark(operation, operation.classId, me));
  }
  return [...marks.values()].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** The mark of a patch: one's own before another reader's. */
export function markOfPatch(marks: readonly Mark[], ref: PatchRef | null): Mark | null {
  if (!ref) return null;
  const found = marks.filter((mark) => isSamePatch(mark.ref, ref));
  return found.find((mark) => mark.mine) ?? found[0] ?? null;
}

/** How many patches of each class; a patch that two readers agree on is one patch. */
export function countPerClass(marks: readonly Mark[]): Map<number, number> {
  const patches = new Map<number, Set<string>>();
  for (const mark of marks) {
    const seen = patches.get(mark.classId) ?? new Set<string>();
    patches.set(mark.classId, seen.add(nameOf(mark.ref)));
  }
  return new Map([...patches].map(([classId, seen]) => [classId, seen.size]));
}
