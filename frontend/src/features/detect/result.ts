/** The numbers of a run at a threshold: count, area, density, from the points themselves. */

import type { DetectionRun, DetectionState } from "@/api/types";
import { areaMm2 } from "@/viewer/format";
import { countAtLeast, type Points } from "@/viewer/points";

export interface RunNumbers {
  readonly count: number | null;
  readonly areaMm2: number | null;
  readonly densityPerMm2: number | null;
}

const WITH_RESULT = new Set<DetectionState>(["done", "incomplete"]);

export const hasResult = (run: Pick<DetectionRun, "state"> | null): boolean =>
  run !== null && WITH_RESULT.has(run.state);

type Measured = Pick<DetectionRun, "count" | "threshold" | "area_px" | "area_mm2">;

/** Without the points only the stored threshold has a count. A scale set after the run still gives an area. */
export function numbersAt(
  run: Measured,
  points: Points | null,
  threshold: number,
  mpp: number | null,
): RunNumbers {
  const stored = threshold === run.threshold ? run.count : null;
  const count = points ? countAtLeast(points, threshold) : stored;
  const measured = run.area_px !== null && mpp !== null ? areaMm2(run.area_px, mpp) : null;
  const area = run.area_mm2 ?? measured;
  return { count, areaMm2: area, densityPerMm2: count !== null && area ? count / area : null };
}

/** Which run to show: the chosen one, else one that is running, else the newest with a result, else the newest. */
export function runToShow(runs: readonly DetectionRun[], chosenId: number | null): DetectionRun | null {
  return (
    runs.find(({ id }) => id === chosenId) ??
    runs.find(({ state }) => state === "queued" || state === "running") ??
    runs.find(hasResult) ??
    runs[0] ??
    null
  );
}
