/** Detect: lab staff have the cells of a slide counted, and everybody sees the number with its picture. */

import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";

import {
  useDetectionWrites,
  useFoundPoints,
  useRunPoints,
  useSlideDetections,
  useUnreadAreas,
} from "@/api/detections";
import { useModels } from "@/api/models";
import { isRunning, newClientKey } from "@/api/polling";
import type { DetectionRun, Region as RegionJson, UnreadArea } from "@/api/types";
import { DetectPanel } from "@/features/detect/DetectPanel";
import { DetectStage } from "@/features/detect/DetectStage";
import { paramsOf, USUAL_CHOICE } from "@/features/detect/choice";
import type { Plan } from "@/features/detect/NewCount";
import { hasResult, runToShow } from "@/features/detect/result";
import { useThreshold } from "@/features/detect/useThreshold";
import type { PointsMode } from "@/viewer/drawPoints";
import { useKeys } from "@/viewer/keys";
import { COUNT_KEYS, LOOK_KEYS, MOVE_KEYS } from "@/viewer/KeysHelp";
import { colourOf } from "@/viewer/markStyle";
import { regionFromJson, regionToJson, type Region, type RegionTool } from "@/viewer/regions";
import { changeSettings, useViewerSettings } from "@/viewer/settings";
import { ViewerPage, type ReadySlidePage } from "@/viewer/ViewerPage";

const KEYS = [MOVE_KEYS, COUNT_KEYS, LOOK_KEYS];
const EMPTY_PLAN: Plan = { where: "whole", regions: [], tool: null, choice: USUAL_CHOICE };
const NO_RUNS: DetectionRun[] = [];
const NO_AREAS: UnreadArea[] = [];

function useDetectKeys(plan: Plan, canDraw: boolean, onPlan: (plan: Plan) => void): void {
  const { showCells, isFilled } = useViewerSettings();
  const draw = (tool: RegionTool) =>
    canDraw ? () => onPlan({ ...plan, where: "regions", tool }) : undefined;
  useKeys({
    r: draw("rectangle"),
    p: draw("polygon"),
    h: () => changeSettings({ showCells: !showCells }),
    f: () => changeSettings({ isFilled: !isFilled }),
  });
}

/** The regions on the slide: the ones being planned, else those of the run on show. */
function useShownRegions(plan: Plan, run: DetectionRun | null): readonly Region[] {
  const runRegions = run?.regions;
  return useMemo(() => {
    if (plan.where === "regions") return plan.regions;
    return runRegions?.map(regionFromJson) ?? [];
  }, [plan, runRegions]);
}

/** Points of a run: `points` to count with, `drawn` on the slide. */
function useShownPoints(run: DetectionRun | null) {
  const result = useRunPoints(run && hasResult(run) ? run.id : null);
  const found = useFoundPoints(run).data ?? null;
  const points = isRunning(run?.state) ? found : (result.data ?? null);
  // What was found so far stays on the slide until the result is here.
  const drawn = points ?? (hasResult(run) ? found : null);
  return { points, pointsError: result.error, drawn };
}

function useRuns({ study, slide, has }: ReadySlidePage) {
  const canDetect = has("lab") || has("admin");
  const runs = useSlideDetections(study.id, slide.id).data ?? NO_RUNS;
  const [search] = useSearchParams();
  const [chosenId, setChosenId] = useState<number | null>(Number(search.get("run")) || null);
  const run = runToShow(runs, chosenId);
  const unread = useUnreadAreas(run).data ?? NO_AREAS;
  const dial = useThreshold(run, canDetect);
  return { runs, run, ...useShownPoints(run), unread, dial, canDetect, show: setChosenId };
}

function DetectSlide({
  page,
  isPanelOpen,
}: {
  readonly page: ReadySlidePage;
  readonly isPanelOpen: boolean;
}) {
  const { study, slide, has } = page;
  const { runs, run, points, pointsError, drawn, unread, dial, canDetect, show } = useRuns(page);
  const models = useModels(study.id).data?.results;
  const model = models?.find(({ status }) => status === "current") ?? null;
  const writes = useDetectionWrites(study.id, slide.id);
  const [plan, setPlan] = useState<Plan>(EMPTY_PLAN);
  const [mode, setMode] = useState<PointsMode>("auto");
  const { isColourBlindSet } = useViewerSettings();
  const counted = study.classes.find((item) => item.counted) ?? study.classes[0];
  const colour = counted ? colourOf(counted, isColourBlindSet) : "#fa3e3e";
  const regions = useShownRegions(plan, run);
  const isPlanning = plan.where === "regions";
  const shown = useMemo(
    () => (drawn && !isPlanning ? { points: drawn, threshold: dial.value, colour } : null),
    [drawn, dial.value, colour, isPlanning],
  );
  useDetectKeys(plan, canDetect && model !== null, setPlan);

  const start = (): void => {
    const json = plan.regions.map((region) => regionToJson(region) as RegionJson);
    const params = paramsOf(plan.choice);
    const body = { regions: isPlanning ? json : null, params, client_key: newClientKey() };
    writes.start.mutate(body, {
      onSuccess: (started) => {
        show(started.id);
        setPlan(EMPTY_PLAN);
      },
    });
  };

  return (
    <>
      <DetectStage
        page={page}
        run={shown}
        regions={regions}
        unread={isPlanning ? NO_AREAS : unread}
        tool={plan.tool}
        mode={mode}
        onDrawn={(region) => setPlan({ ...plan, regions: [...plan.regions, region] })}
        onStopDrawing={() => setPlan({ ...plan, tool: null })}
      />
      {isPanelOpen && (
        <DetectPanel
          study={study}
          slide={slide}
          run={run}
          runs={runs}
          points={points}
          pointsError={pointsError}
          dial={dial}
          colour={colour}
          canDetect={canDetect}
          isAdmin={has("admin")}
          model={model}
          isModelKnown={models !== undefined}
          mode={mode}
          plan={plan}
          isStarting={writes.start.isPending}
          isCancelling={writes.cancel.isPending}
          onMode={setMode}
          onCancel={() => run && writes.cancel.mutate(run.id)}
          onPlan={setPlan}
          onStart={start}
          onShow={show}
        />
      )}
    </>
  );
}

export function DetectPage() {
  return (
    <ViewerPage mode="detect" keys={KEYS}>
      {(page, isPanelOpen) => <DetectSlide key={page.slide.id} page={page} isPanelOpen={isPanelOpen} />}
    </ViewerPage>
  );
}
