/** The threshold as a dial: points, count and density follow at once; who may, saves it after a pause. */

import { useCallback, useEffect, useRef, useState } from "react";

import { useDetectionWrites } from "@/api/detections";
import type { DetectionRun } from "@/api/types";

const PAUSE_MS = 600;

export type ThresholdState = "saved" | "saving" | "failed" | "yours";

export interface Threshold {
  readonly value: number;
  readonly state: ThresholdState;
  readonly set: (value: number) => void;
  readonly reset: () => void;
}

interface Draft {
  readonly runId: number;
  readonly value: number;
}

/** Calls the last given task after a pause; at once when the component goes or the page is left. */
function useLater(): (task: () => void) => void {
  const pending = useRef<{ task: () => void; timer: ReturnType<typeof setTimeout> } | null>(null);
  const run = useCallback(() => {
    const last = pending.current;
    if (!last) return;
    clearTimeout(last.timer);
    pending.current = null;
    last.task();
  }, []);
  useEffect(() => {
    window.addEventListener("pagehide", run);
    return () => {
      window.removeEventListener("pagehide", run);
      run();
    };
  }, [run]);
  return useCallback(
    (task) => {
      if (pending.current) clearTimeout(pending.current.timer);
      pending.current = { task, timer: setTimeout(run, PAUSE_MS) };
    },
    [run],
  );
}

function stateOf(isChanged: boolean, canSave: boolean, hasFailed: boolean): ThresholdState {
  if (!isChanged) return "saved";
  if (!canSave) return "yours";
  return hasFailed ? "failed" : "saving";
}

export function useThreshold(run: DetectionRun | null, canSave: boolean): Threshold {
  const [draft, setDraft] = useState<Draft | null>(null);
  const { mutate, isError } = useDetectionWrites(run?.study ?? 0, run?.slide ?? 0).setThreshold;
  const later = useLater();
  const saved = run?.threshold ?? 0.5;
  const value = draft && draft.runId === run?.id ? draft.value : saved;
  const set = (to: number): void => {
    if (!run) return;
    setDraft({ runId: run.id, value: to });
    if (canSave) later(() => mutate({ runId: run.id, threshold: to }));
  };
  return { value, state: stateOf(value !== saved, canSave, isError), set, reset: () => setDraft(null) };
}
