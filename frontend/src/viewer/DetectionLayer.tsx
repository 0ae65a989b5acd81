/** The points of a detection run over the slide. */

import { useCallback, useEffect, useMemo, useState } from "react";

import type { Size } from "./coordinates";
import { DensityMap } from "./density";
import { HeatPainter } from "./drawHeat";
import { drawPoints, pointsDrawn, type PointsDrawn, type PointsMode, type PointsOptions } from "./drawPoints";
import { OverlayCanvas, type Draw } from "./OverlayCanvas";
import { PanPicture } from "./panPicture";
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
  /** Told what is drawn whenever that has changed and the view rests. */
  readonly onDrawn?: (drawn: PointsDrawn) => void;
}

/** Below this many points looking at each is as quick as an index. */
const INDEX_FROM = 20_000;
const REST_MS = 90;

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

/** Tells what is drawn once nothing has moved for a moment. */
function useToldAtRest(
  slideView: SlideView,
  points: Points,
  options: PointsOptions,
  onDrawn?: (drawn: PointsDrawn) => void,
): void {
  useEffect(() => {
    if (!onDrawn) return undefined;
    const tell = (): void => {
      const view = slideView.getView();
      if (view) onDrawn(pointsDrawn(view, points, options));
    };
    let timer = setTimeout(tell, REST_MS);
    const unsubscribe = slideView.subscribe(() => {
      clearTimeout(timer);
      timer = setTimeout(tell, REST_MS);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [slideView, points, options, onDrawn]);
}

export function DetectionLayer({
  slideView,
  run,
  size,
  mode = "auto",
  isFilled,
  onDrawn,
}: DetectionLayerProps) {
  const { points, threshold, colour } = run;
  const { width, height } = size;
  const query = usePointIndex(points);
  const [heat] = useState(() => new HeatPainter());
  const [picture] = useState(() => new PanPicture());
  const image = useMemo(() => ({ width, height }), [width, height]);
  const density = useMemo(
    () => new DensityMap(points, threshold, image, query),
    [points, threshold, image, query],
  );
  const options = useMemo(
    () => ({ threshold, colour, isFilled, mode, query, image, density, heat }),
    [threshold, colour, isFilled, mode, query, image, density, heat],
  );
  const render: Draw = useCallback(
    (context, view) => drawPoints(context, view, points, options),
    [points, options],
  );
  const draw: Draw = useCallback((context, view) => picture.draw(context, view, render), [picture, render]);
  useToldAtRest(slideView, points, options, onDrawn);
  return <OverlayCanvas slideView={slideView} draw={draw} />;
}
