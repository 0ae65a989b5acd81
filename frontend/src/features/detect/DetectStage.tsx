/** The slide of the detect page: regions, the cells found, and what is being drawn. */

import { useCallback, useState } from "react";

import type { ImageBox } from "@/viewer/coordinates";
import { drawDraft, drawRegions } from "@/viewer/drawRegions";
import { drawUnread } from "@/viewer/drawUnread";
import type { PointsDrawn, PointsMode } from "@/viewer/drawPoints";
import { DetectionLayer, type ShownRun } from "@/viewer/DetectionLayer";
import { three, whole } from "@/viewer/format";
import { OverlayCanvas, type Draw } from "@/viewer/OverlayCanvas";
import type { Region, RegionTool } from "@/viewer/regions";
import { useViewerSettings } from "@/viewer/settings";
import { useCursorPoint } from "@/viewer/useCursor";
import viewer from "@/viewer/viewer.module.css";
import { maySetScale } from "@/viewer/useSlidePage";
import type { ReadySlidePage } from "@/viewer/ViewerPage";
import { ViewerStage, type StageParts } from "@/viewer/ViewerStage";
import { detectWords as words } from "@/words/viewer";

import classes from "./detect.module.css";
import { useRegionTool } from "./useRegionTool";

export interface DetectStageProps {
  readonly page: ReadySlidePage;
  readonly run: ShownRun | null;
  readonly regions: readonly Region[];
  readonly unread: readonly ImageBox[];
  readonly tool: RegionTool | null;
  readonly mode: PointsMode;
  readonly onDrawn: (region: Region) => void;
  readonly onStopDrawing: () => void;
}

const UM2_PER_MM2 = 1e6;

/** What the layer shows: a sample, or a density with its scale. */
function Legend({ drawn, mpp }: { readonly drawn: PointsDrawn | null; readonly mpp: number | null }) {
  if (!drawn || drawn.total === 0) return null;
  if (drawn.kind === "points") {
    if (drawn.shown === drawn.total) return null;
    return (
      <div className={`${viewer.float} ${classes.legend}`} role="status">
        {words.sample(whole(drawn.shown), whole(drawn.total))}
      </div>
    );
  }
  const top = drawn.topPerPx !== null && mpp ? (drawn.topPerPx / (mpp * mpp)) * UM2_PER_MM2 : null;
  return (
    <div className={`${viewer.float} ${classes.legend}`} role="status">
      <span>{words.densityShown(whole(drawn.total))}</span>
      <span className={classes.ramp} />
      {top !== null && (
        <span>
          0 – {three(top)} {words.perMm2}
        </span>
      )}
    </div>
  );
}

function Layers({
  slideView,
  cursor,
  page,
  run,
  regions,
  unread,
  tool,
  mode,
  onDrawn,
  onStopDrawing,
}: DetectStageProps & StageParts) {
  const { showCells, isFilled } = useViewerSettings();
  const [drawn, setDrawn] = useState<PointsDrawn | null>(null);
  const leastSidePx = page.study.patch_px;
  const draft = useRegionTool({
    slideView,
    tool,
    size: page.size,
    leastSidePx,
    onDrawn,
    onStop: onStopDrawing,
  });
  const pointer = useCursorPoint(draft.isOpen ? cursor : null);
  const drawOutlines: Draw = useCallback(
    (context, view) => {
      drawRegions(context, view, regions);
      drawUnread(context, view, unread);
    },
    [regions, unread],
  );
  const drawCorners: Draw = (context, view) => {
    if (draft.corners.length > 0) drawDraft(context, view, draft.corners, draft.isOpen ? pointer : null);
  };
  return (
    <>
      <OverlayCanvas slideView={slideView} draw={drawOutlines} />
      {run && showCells && (
        <>
          <DetectionLayer
            slideView={slideView}
            run={run}
            size={page.size}
            mode={mode}
            isFilled={isFilled}
            onDrawn={setDrawn}
          />
          <Legend drawn={drawn} mpp={page.slide.mpp} />
        </>
      )}
      <OverlayCanvas slideView={slideView} draw={drawCorners} />
      {tool && (
        <div className={`${viewer.float} ${viewer.notice}`} role="status">
          {draft.fault && <strong>{words.faults[draft.fault]} </strong>}
          {tool === "rectangle" ? words.drawRectangle : words.drawPolygon}
        </div>
      )}
    </>
  );
}

export function DetectStage(props: DetectStageProps) {
  const { page, tool } = props;
  return (
    <ViewerStage slide={page.slide} size={page.size} isAiming={tool !== null} canSetScale={maySetScale(page)}>
      {(parts) => <Layers {...props} {...parts} />}
    </ViewerStage>
  );
}
