/** What a pathologist does on a slide: label, select, change, withdraw, undo, redo. */

import { useCallback, useMemo, useState } from "react";

import { newClientKey } from "@/api/polling";
import { useMarkers } from "@/api/markers";
import type { ReadySlidePage } from "@/viewer/ViewerPage";
import { imagePoint, patchSide, type ImagePoint } from "@/viewer/coordinates";
import { changeSettings, useViewerSettings } from "@/viewer/settings";

import { did, EMPTY, redo, undo, type History, type Move, type Step } from "./history";
import { markOfPatch, marksOf, type Mark } from "./marks";
import { placeOf } from "./place";
import type { PatchRef } from "./queue/operations";
import { useLabelQueue } from "./queue/useLabelQueue";

export interface Labelling {
  readonly marks: readonly Mark[];
  readonly isLoading: boolean;
  readonly error: Error | null;
  readonly reload: () => void;
  readonly canLabel: boolean;
  /** Side of a patch in level-0 pixels. */
  readonly sidePx: number;
  readonly classId: number | null;
  readonly selected: Mark | null;
  readonly chooseClass: (classId: number) => void;
  readonly labelAt: (point: ImagePoint) => void;
  readonly select: (mark: Mark | null) => void;
  readonly withdraw: () => void;
  readonly undo: (() => void) | undefined;
  readonly redo: (() => void) | undefined;
}

export function useLabelling({ study, slide, me, has, size }: ReadySlidePage): Labelling {
  const { queue, state } = useLabelQueue();
  const markers = useMarkers(slide.id);
  const marks = useMemo(
    () => marksOf(markers.data ?? [], state.waiting, slide.id, me.name),
    [markers.data, state.waiting, slide.id, me.name],
  );
  const chosen = useViewerSettings().classId;
  const [selectedRef, setSelectedRef] = useState<PatchRef | null>(null);
  const [history, setHistory] = useState<History>(EMPTY);
  const selected = markOfPatch(marks, selectedRef && queue.nowKnownAs(selectedRef));
  const classId = (study.classes.find(({ id }) => id === chosen) ?? study.classes[0])?.id ?? null;
  const canLabel = has("pathologist") && study.classes.length > 0;
  const sidePx = patchSide(study.patch_px, study.model_mpp, slide.mpp);

  const base = useCallback(
    (pixel: ImagePoint) => ({
      clientKey: newClientKey(),
      userId: me.id,
      slideId: slide.id,
      x: pixel.x,
      y: pixel.y,
      at: new Date().toISOString(),
    }),
    [me.id, slide.id],
  );

  const change = (target: PatchRef, pixel: ImagePoint, to: number | null): void => {
    void queue.add({ ...base(pixel), kind: "change", target, classId: to });
  };

  const labelAt = (point: ImagePoint): void => {
    const pixel = placeOf(point, sidePx, size);
    if (!canLabel || classId === null || !pixel) return;
    const operation = { ...base(pixel), kind: "create", classId } as const;
    const target = { createKey: operation.clientKey };
    void queue.add(operation);
    setSelectedRef(null);
    setHistory(did(history, { target, x: pixel.x, y: pixel.y, before: null, after: classId }));
  };

  const setClassOf = (mark: Mark, to: number | null): void => {
    if (!canLabel || (mark.mine && mark.classId === to)) return;
    const step: Step = {
      target: mark.ref,
      x: mark.pixel.x,
      y: mark.pixel.y,
      before: mark.mine ? mark.classId : null,
      after: to,
    };
    change(mark.ref, mark.pixel, to);
    setHistory(did(history, step));
  };

  const follow = (move: Move | null) =>
    move === null || !canLabel
      ? undefined
      : () => {
          setHistory(move.history);
          change(move.step.target, imagePoint(move.step.x, move.step.y), move.classId);
        };

  return {
    marks,
    isLoading: markers.isPending,
    error: markers.error,
    reload: () => void markers.refetch(),
    canLabel,
    sidePx,
    classId,
    selected,
    chooseClass: (to) => (selected ? setClassOf(selected, to) : changeSettings({ classId: to })),
    labelAt,
    select: (mark) => setSelectedRef(mark?.ref ?? null),
    withdraw: () => {
      if (!selected?.mine) return;
      setClassOf(selected, null);
      setSelectedRef(null);
    },
    undo: follow(undo(history)),
    redo: follow(redo(history)),
  };
}
