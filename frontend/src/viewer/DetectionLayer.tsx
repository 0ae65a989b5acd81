/** The points of a detection run over the slide. */

import { useCallback, useEffect, useRef, useState } from "react";

import type { Size } from "./coordinates";
import { drawPoints, type PointsDrawn, type PointsMode } from "./drawPoints";
import { OverlayCanvas, type Draw } from "./OverlayCanvas";
import { indexInWorker } from "./pointIndex";
import type { Points, RangeQuery } from "./points";
import type { SlideView } from "./slideView";

export interface ShownRun {
  readonly points: Points;
  readonly threshold: number;
  readonly colour: string;
}

interface DetectionLayerProps {
  readonly slideView: SlideView;
  readonly run: ShownRun;
  readonly size: Size;
  readonly mode?: PointsMode;
  readonly isFilled: boolean;
  /** Told what was drawn whenever that changes. */
  readonly onDrawn?: (drawn: PointsDrawn) => void;
}

/** Below this many points looking at each is as quick as an index. */
const INDEX_FROM = 20_000;

/** The index of these points, once the worker has built it; without one, every point is looked at. */
function usePointIndex(points: Points): RangeQuery | null {
  const [built, setBuilt] = useState<{ points: Points; query: RangeQuery } | null>(null);
  useEffect(() => {
    if (points.count < INDEX_FROM) return undefined;
    const abort = new AbortController();
    indexInWorker(points.xy, abort.signal).then(
      (query) => setBuilt({ points, query }),
      () => undefined,
    );
    return () => abort.abort();
  }, [points]);
  return built?.points === points ? built.query : null;
}

const isSame = (a: PointsDrawn | null, b: PointsDrawn): boolean =>
  a !== null && a.kind === b.kind && a.shown === b.shown && a.total === b.total && a.topPerPx === b.topPerPx;

export function DetectionLayer({
  slideView,
  run,
  size,
  mode = "auto",
  isFilled,
  onDrawn,
}: DetectionLayerProps) {
  const query = usePointIndex(run.points);
  const last = useRef<PointsDrawn | null>(null);
  const { points, threshold, colour } = run;
  const draw: Draw = useCallback(
    (context, view) => {
      const drawn = drawPoints(context, view, points, {
        threshold,
        colour,
        isFilled,
        mode,
        query,
        image: size,
      });
      if (isSame(last.current, drawn)) return;
      last.current = drawn;
      onDrawn?.(drawn);
    },
    [points, threshold, colour, isFilled, mode, query, size, onDrawn],
  );
  return <OverlayCanvas slideView={slideView} draw={draw} />;
}
