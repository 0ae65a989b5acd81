/** The counting grid over the slide. */

import { useCallback } from "react";

import type { Size } from "./coordinates";
import { drawGrid, gridAt } from "./grid";
import { OverlayCanvas, type Draw } from "./OverlayCanvas";
import { useViewerSettings } from "./settings";
import type { SlideView } from "./slideView";

interface GridLayerProps {
  readonly slideView: SlideView;
  readonly mpp: number | null;
  readonly size: Size;
}

export function GridLayer({ slideView, mpp, size }: GridLayerProps) {
  const { gridSide } = useViewerSettings();
  const { width, height } = size;
  const draw: Draw = useCallback(
    (context, view) => drawGrid(context, view, gridAt(view.scale, mpp, gridSide), { width, height }),
    [mpp, gridSide, width, height],
  );
  return <OverlayCanvas slideView={slideView} draw={draw} />;
}
