/** The slide with everything that is always in sight; layers and tools come in as children. */

import { useCallback, useEffect, useId, useState, type ReactNode } from "react";

import { thumbnailUrl } from "@/api/slides";
import type { Slide } from "@/api/types";
import { viewerWords as words } from "@/words/viewer";

import type { Size } from "./coordinates";
import { GridLayer } from "./GridLayer";
import { OverviewMap } from "./OverviewMap";
import { isAsItIs } from "./picture";
import { PictureFilter } from "./PictureFilter";
import { ScaleReadout } from "./ScaleReadout";
import { ScaleTool, useScaleCard, type ScaleCard } from "./ScaleTool";
import { useViewerSettings } from "./settings";
import type { SlideView } from "./slideView";
import { useCursor, type Cursor } from "./useCursor";
import { useFailedTiles, useSlideView } from "./useSlideView";
import { useViewKeys } from "./useViewKeys";
import classes from "./viewer.module.css";
import { ViewTools } from "./ViewTools";
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
  readonly canSetScale?: boolean;
  /** One of two slides side by side: whoever has both says where it opens, and which one the keys move. */
  readonly pair?: { readonly name: string; readonly hasKeys: boolean };
  readonly children: (parts: StageParts) => ReactNode;
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

/** Lays the person's settings on the slide. */
function useLook(slideView: SlideView | null): void {
  const { stain, isTrackpad } = useViewerSettings();
  useEffect(() => slideView?.showChannel(stain), [slideView, stain]);
  useEffect(() => {
    if (slideView) slideView.wheelPans = isTrackpad;
  }, [slideView, isTrackpad]);
}

/** The filter to lay over the slide, or none where its picture is as it is. */
function useFilter(id: string): string | undefined {
  return isAsItIs(useViewerSettings()) ? undefined : `url(#${id})`;
}

interface InSightProps extends StageParts {
  readonly slide: Slide;
  readonly size: Size;
  readonly scaleCard: ScaleCard;
}

/** What is always in sight round the slide. */
function InSight({ slideView, cursor, slide, size, scaleCard }: InSightProps) {
  const { mpp, objective } = slide;
  const scale = { slideView, mpp, objective };
  return (
    <>
      <ZoomControls {...scale} />
      <ViewTools slideView={slideView} mpp={mpp} onScale={scaleCard.open} />
      <ScaleReadout {...scale} size={size} cursor={cursor} onScale={scaleCard.open} />
      <OverviewMap slideView={slideView} thumbnailUrl={thumbnailUrl(slide.id)} size={size} />
      <FailedTiles slideView={slideView} />
      {scaleCard.isOpen && <ScaleTool slideView={slideView} slide={slide} onClose={scaleCard.close} />}
    </>
  );
}

export function ViewerStage({
  slide,
  size,
  isAiming = false,
  arrowsPan = true,
  canSetScale = false,
  pair,
  children,
}: ViewerStageProps) {
  const { slideView, ref } = useSlideView(slide.id, size, !pair);
  const [element, setElement] = useState<HTMLElement | null>(null);
  const cursor = useCursor(slideView, element);
  const scaleCard = useScaleCard(canSetScale);
  const settings = useViewerSettings();
  const filterId = useId();
  const setBoth = useCallback(
    (node: HTMLElement | null) => {
      setElement(node);
      ref(node);
    },
    [ref],
  );
  useLook(slideView);
  useViewKeys(pair?.hasKeys === false ? null : slideView, { arrowsPan, onScale: scaleCard.open });
  const filter = useFilter(filterId);
  return (
    <div className={classes.stage} data-testid="stage">
      {filter && <PictureFilter id={filterId} picture={settings} />}
      <div
        ref={setBoth}
        className={classes.surface}
        style={{ filter }}
        data-aim={isAiming || scaleCard.isOpen}
        role="application"
        aria-label={pair?.name ?? words.stage}
      />
      {slideView && (
        <>
          {settings.isGridShown && <GridLayer slideView={slideView} mpp={slide.mpp} size={size} />}
          {children({ slideView, cursor })}
          <InSight slideView={slideView} cursor={cursor} slide={slide} size={size} scaleCard={scaleCard} />
        </>
      )}
    </div>
  );
}
