/** Draws rectangles (drag) and polygons (clicks) on the slide, in level-0 pixels. */

import { useEffect, useState } from "react";

import type { ImagePoint, Size } from "@/viewer/coordinates";
import { useKeys } from "@/viewer/keys";
import { clampToImage, isLargeEnough, rectangle, type Region, type RegionTool } from "@/viewer/regions";
import type { GestureHandlers, SlideView } from "@/viewer/slideView";

interface RegionToolOptions {
  readonly slideView: SlideView;
  readonly tool: RegionTool | null;
  readonly size: Size;
  readonly leastSidePx: number;
  readonly onDrawn: (region: Region) => void;
  readonly onStop: () => void;
}

export interface Drafting {
  /** Corners so far. */
  readonly corners: readonly ImagePoint[];
  /** True while the cursor is the next corner. */
  readonly isOpen: boolean;
}

const SAME_CORNER_PX = 5;
const NOTHING: Drafting = { corners: [], isOpen: false };

export function useRegionTool(options: RegionToolOptions): Drafting {
  const { slideView, tool, size, leastSidePx, onDrawn, onStop } = options;
  const [draft, setDraft] = useState<readonly ImagePoint[]>([]);
  const [start, setStart] = useState<ImagePoint | null>(null);

  const stop = (): void => {
    setDraft([]);
    setStart(null);
  };
  const keep = (region: Region): void => {
    if (isLargeEnough(region, leastSidePx)) onDrawn(region);
    stop();
  };

  useEffect(() => {
    slideView.handlers = tool === null ? {} : tool === "rectangle" ? rectangleHandlers() : polygonHandlers();
    return () => {
      slideView.handlers = {};
    };

    function rectangleHandlers(): GestureHandlers {
      return {
        onPress: ({ at }) => setStart(clampToImage(at, size)),
        onDrag: ({ at, claim }) => {
          claim();
          if (start) setDraft(rectangle(start, clampToImage(at, size)));
        },
        onDragEnd: ({ claim }) => {
          claim();
          keep(draft);
        },
      };
    }

    function polygonHandlers(): GestureHandlers {
      return {
        onClick: ({ at, view }) => {
          const corner = clampToImage(at, size);
          const last = draft.at(-1);
          const isSame =
            last && Math.hypot(last.x - corner.x, last.y - corner.y) * view.scale < SAME_CORNER_PX;
          if (!isSame) setDraft([...draft, corner]);
        },
        onDoubleClick: () => keep(draft),
      };
    }
  });

  useKeys({
    enter: tool === "polygon" && draft.length > 2 ? () => keep(draft) : undefined,
    backspace: tool === "polygon" && draft.length > 0 ? () => setDraft(draft.slice(0, -1)) : undefined,
    escape: tool === null ? undefined : draft.length > 0 ? stop : onStop,
  });
  return tool === null ? NOTHING : { corners: draft, isOpen: tool === "polygon" && draft.length > 0 };
}
