/** The slide with everything that is always in sight; layers and tools come in as children. */

import { useCallback, useState, type ReactNode } from "react";

import { thumbnailUrl } from "@/api/slides";
import type { Slide } from "@/api/types";
import { viewerWords as words } from "@/words/viewer";

import { screenPoint, type Size } from "./coordinates";
import { useKeys } from "./keys";
import { OverviewMap } from "./OverviewMap";
import { ScaleReadout } from "./ScaleReadout";
import type { SlideView } from "./slideView";
import { useCursor, type Cursor } from "./useCursor";
import { useFailedTiles, useSlideView } from "./useSlideView";
import classes from "./viewer.module.css";
import { ZoomControls } from "./ZoomControls";

export interface StageParts {
  readonly slideView: SlideView;
  readonly cursor: Cursor | null;
}

interface ViewerStageProps {
  readonly slide: Slide;
  readonly size: Size;
  /** Cross-hair instead of a hand. */
  readonly isAiming?: boolean;
  /** False while the arrows do something else. */
  readonly arrowsPan?: boolean;
  readonly children: (parts: StageParts) => ReactNode;
}

const PAN_PX = 90;

function useMoveKeys(slideView: SlideView | null, arrowsPan: boolean): void {
  const pan = (x: number, y: number) => () => slideView?.panBy(screenPoint(x * PAN_PX, y * PAN_PX));
  const zoomIn = () => slideView?.zoomIn();
  const zoomOut = () => slideView?.zoomOut();
  const arrows = {
    arrowleft: pan(-1, 0),
    arrowright: pan(1, 0),
    arrowup: pan(0, -1),
    arrowdown: pan(0, 1),
  };
  useKeys({
    ...(arrowsPan ? arrows : {}),
    "+": zoomIn,
    "=": zoomIn,
    "-": zoomOut,
    "0": () => slideView?.fit(),
  });
}

function FailedTiles({ slideView }: { readonly slideView: SlideView }) {
  const count = useFailedTiles(slideView);
  if (count === 0) return null;
  return (
    <div className={`${classes.float} ${classes.notice}`} role="status">
      {words.unreadTiles(count)}
    </div>
  );
}

export function ViewerStage({ slide, size, isAiming = false, arrowsPan = true, children }: ViewerStageProps) {
  const { slideView, ref } = useSlideView(slide.id, size);
  const [element, setElement] = useState<HTMLElement | null>(null);
  const cursor = useCursor(slideView, element);
  const setBoth = useCallback(
    (node: HTMLElement | null) => {
      setElement(node);
      ref(node);
    },
    [ref],
  );
  useMoveKeys(slideView, arrowsPan);
  const { mpp, objective } = slide;
  return (
    <div className={classes.stage} data-testid="stage">
      <div
        ref={setBoth}
        className={classes.surface}
        data-aim={isAiming}
        role="application"
        aria-label={words.stage}
      />
      {slideView && (
        <>
          {children({ slideView, cursor })}
          <ZoomControls slideView={slideView} mpp={mpp} objective={objective} />
          <ScaleReadout slideView={slideView} mpp={mpp} objective={objective} size={size} cursor={cursor} />
          <OverviewMap slideView={slideView} thumbnailUrl={thumbnailUrl(slide.id)} size={size} />
          <FailedTiles slideView={slideView} />
        </>
      )}
    </div>
  );
}
