/** The slide of the label page: detections below, labels above, and the frame of the next patch on top. */

import { useCallback, useEffect, useState } from "react";

import { imagePoint, middleOf, patchBox, pixelOf, turned, type ImagePoint } from "@/viewer/coordinates";
import { drawCrosshair, drawFrame } from "@/viewer/drawFrame";
import { drawMarks, markAt } from "@/viewer/drawMarks";
import { useKeys } from "@/viewer/keys";
import { styleLookup } from "@/viewer/markStyle";
import { OverlayCanvas, type Draw } from "@/viewer/OverlayCanvas";
import { DetectionLayer, type ShownRun } from "@/viewer/DetectionLayer";
import { changeSettings, useViewerSettings } from "@/viewer/settings";
import type { Gesture, SlideView } from "@/viewer/slideView";
import { useCursorPoint } from "@/viewer/useCursor";
import viewer from "@/viewer/viewer.module.css";
import { maySetScale } from "@/viewer/useSlidePage";
import type { ReadySlidePage } from "@/viewer/ViewerPage";
import { ViewerStage, type StageParts } from "@/viewer/ViewerStage";

import { placeOf } from "./place";
import { SaveChip } from "./SaveChip";
import { SelectedCard } from "./SelectedCard";
import type { Labelling } from "./useLabelling";

export interface Goal {
  readonly at: ImagePoint;
}

interface LabelStageProps {
  readonly page: ReadySlidePage;
  readonly labelling: Labelling;
  readonly run: ShownRun | null;
  /** Where a click in a strip wants to go. */
  readonly goal: Goal | null;
  /** Centre pixel of the proposal that is being judged. */
  readonly asked: ImagePoint | null;
  readonly onGoalReached: () => void;
  /** The panel that says what is saved is closed. */
  readonly isSaveShown: boolean;
}

interface LayersProps extends LabelStageProps, StageParts {
  readonly crosshair: ImagePoint | null;
}

const ASKED_COLOUR = "#e0b400";

function AskedLayer({ slideView, asked, labelling }: LayersProps) {
  const { sidePx } = labelling;
  const draw: Draw = useCallback(
    (context, view) => {
      if (asked) drawFrame(context, view, patchBox(asked, sidePx), ASKED_COLOUR);
    },
    [asked, sidePx],
  );
  return <OverlayCanvas slideView={slideView} draw={draw} />;
}

/** Zoom at which a patch can be judged. */
const READING_SCALE = 1;

function useGestures(slideView: SlideView, labelling: Labelling): void {
  const { isOneClick, showLabels } = useViewerSettings();
  const { marks, labelAt, select } = labelling;
  useEffect(() => {
    const act = ({ at, view }: Gesture, labels: boolean): void => {
      const hit = showLabels ? markAt(view, marks, at) : null;
      if (hit) select(marks.find((mark) => mark.id === hit.id) ?? null);
      else if (labels) labelAt(at);
      else select(null);
    };
    slideView.handlers = {
      onClick: (gesture) => act(gesture, isOneClick),
      onDoubleClick: (gesture) => {
        if (!isOneClick) act(gesture, true);
      },
    };
    return () => {
      slideView.handlers = {};
    };
  }, [slideView, marks, labelAt, select, isOneClick, showLabels]);
}

function FrameLayer({ slideView, cursor, crosshair, page, labelling }: LayersProps) {
  const { isColourBlindSet } = useViewerSettings();
  const pointer = useCursorPoint(cursor);
  const { classId, sidePx, canLabel } = labelling;
  const styleOf = styleLookup(page.study.classes, isColourBlindSet);
  const at = crosshair ?? pointer;
  const place = at && canLabel && classId !== null ? placeOf(at, sidePx, page.size) : null;
  const draw: Draw = (context, view) => {
    if (!place || classId === null) return;
    const { colour } = styleOf(classId);
    drawFrame(context, view, patchBox(place, sidePx), colour);
    if (crosshair) drawCrosshair(context, view, middleOf(crosshair), colour);
  };
  return <OverlayCanvas slideView={slideView} draw={draw} />;
}

function Layers(props: LayersProps) {
  const { slideView, labelling, run, page, goal, onGoalReached } = props;
  const { isColourBlindSet, isFilled, showLabels, showDetections } = useViewerSettings();
  const { marks, selected } = labelling;
  const { classes } = page.study;
  useGestures(slideView, labelling);
  useEffect(() => {
    if (!goal) return;
    slideView.reveal(goal.at, READING_SCALE);
    onGoalReached();
  }, [goal, slideView, onGoalReached]);
  const selectedId = selected?.id ?? null;
  const draw: Draw = useCallback(
    (context, view) => {
      if (!showLabels) return;
      drawMarks(context, view, marks, {
        styleOf: styleLookup(classes, isColourBlindSet),
        isFilled,
        selectedId,
      });
    },
    [marks, classes, isColourBlindSet, isFilled, showLabels, selectedId],
  );
  return (
    <>
      {run && showDetections && <DetectionLayer slideView={slideView} run={run} size={page.size} isFilled />}
      <OverlayCanvas slideView={slideView} draw={draw} />
      <AskedLayer {...props} />
      <FrameLayer {...props} />
      <div className={viewer.topRight}>
        {props.isSaveShown && <SaveChip />}
        <SelectedCard items={classes} labelling={labelling} />
      </div>
    </>
  );
}

const FINE = "alt+";

/** The crosshair of the keyboard-only mode: starts in the middle, moves with the arrows, takes the view along. */
function useCrosshair(
  slideView: SlideView | null,
  labelling: Labelling,
  page: ReadySlidePage,
): ImagePoint | null {
  const { isKeyboardOnly } = useViewerSettings();
  const [at, setAt] = useState<ImagePoint | null>(null);
  const isOn = isKeyboardOnly && labelling.canLabel;
  const view = slideView?.getView() ?? null;
  const here = isOn ? (at ?? (view ? pixelOf(view.centre) : null)) : null;
  const move =
    (dx: number, dy: number, isFine = false) =>
    () => {
      if (!here || !view || !slideView) return;
      const step = isFine ? 1 : Math.max(1, Math.round(12 / view.scale));
      // The arrows point on screen, however the slide is turned.
      const { x, y } = turned({ x: dx * step, y: dy * step }, -(view.rotation ?? 0));
      const clamp = (value: number, extent: number): number => Math.min(Math.max(value, 0), extent - 1);
      const next = imagePoint(
        clamp(here.x + Math.round(x), page.size.width),
        clamp(here.y + Math.round(y), page.size.height),
      );
      setAt(next);
      slideView.follow(next, 90);
    };
  const arrows = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] } as const;
  const moves = Object.entries(arrows).flatMap(([key, [dx, dy]]) => [
    [key, move(dx, dy)] as const,
    [FINE + key, move(dx, dy, true)] as const,
  ]);
  const label = (): void => {
    if (!here || !view) return;
    const hit = markAt(view, labelling.marks, middleOf(here), 8);
    if (hit) labelling.select(labelling.marks.find((mark) => mark.id === hit.id) ?? null);
    else labelling.labelAt(middleOf(here));
  };
  useKeys(isOn ? { ...Object.fromEntries(moves), enter: label } : {});
  return here;
}

function LabelLayers(props: LabelStageProps & StageParts) {
  const crosshair = useCrosshair(props.slideView, props.labelling, props.page);
  return <Layers {...props} crosshair={crosshair} />;
}

function useLabelKeys({ labelling, page }: LabelStageProps): void {
  const settings = useViewerSettings();
  const classKeys = page.study.classes.map(
    ({ key, id }) => [String(key), () => labelling.chooseClass(id)] as const,
  );
  useKeys({
    ...Object.fromEntries(classKeys),
    delete: labelling.withdraw,
    x: labelling.withdraw,
    "ctrl+z": labelling.undo,
    "ctrl+shift+z": labelling.redo,
    "ctrl+y": labelling.redo,
    escape: () => labelling.select(null),
    a: () => changeSettings({ showLabels: !settings.showLabels }),
    h: () => changeSettings({ showDetections: !settings.showDetections }),
    f: () => changeSettings({ isFilled: !settings.isFilled }),
    k: () => changeSettings({ isKeyboardOnly: !settings.isKeyboardOnly }),
  });
}

export function LabelStage(props: LabelStageProps) {
  const { page, labelling } = props;
  const { isKeyboardOnly } = useViewerSettings();
  useLabelKeys(props);
  return (
    <ViewerStage
      slide={page.slide}
      size={page.size}
      canSetScale={maySetScale(page)}
      isAiming={labelling.canLabel}
      arrowsPan={!(isKeyboardOnly && labelling.canLabel)}
    >
      {(parts) => <LabelLayers {...props} {...parts} />}
    </ViewerStage>
  );
}
