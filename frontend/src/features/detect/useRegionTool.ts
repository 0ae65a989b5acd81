/** Draws rectangles (drag) and polygons (clicks) on the slide, in level-0 pixels. */

import { useEffect, useState } from "react";

import type { ImagePoint, Size } from "@/viewer/coordinates";
import { useKeys } from "@/viewer/keys";
import {
  clampToImage,
  faultOf,
  rectangle,
  rounded,
  type Region,
  type RegionFault,
  type RegionTool,
} from "@/viewer/regions";
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
  /** Why the last region was not kept; gone with the next gesture. */
  readonly fault: RegionFault | null;
}

const SAME_CORNER_PX = 5;
const NOTHING: Drafting = { corners: [], isOpen: false, fault: null };

export function useRegionTool(options: RegionToolOptions): Drafting {
  const { slideView, tool, size, leastSidePx, onDrawn, onStop } = options;
  const [draft, setDraft] = useState<readonly ImagePoint[]>([]);
  const [start, setStart] = useState<ImagePoint | null>(null);
  const [fault, setFault] = useState<RegionFault | null>(null);

  const stop = (): void => {
    setDraft([]);
    setStart(null);
    setFault(null);
  };
  const change = (corners: readonly ImagePoint[]): void => {
    setDraft(corners);
    setFault(null);
  };
  const keep = (region: Region): void => {
    const whole = rounded(region);
    const found = faultOf(whole, leastSidePx);
    if (found === null) onDrawn(whole);
    // Corners of a polygon that crosses itself can be taken back one by one.
    if (found !== "crossing") stop();
    setFault(found);
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
          if (start) change(rectangle(start, clampToImage(at, size)));
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
          if (!isSame) change([...draft, corner]);
        },
        onDoubleClick: () => keep(draft),
      };
    }
  });

  useKeys({
    enter: tool === "polygon" && draft.length > 2 ? () => keep(draft) : undefined,
    backspace: tool === "polygon" && draft.length > 0 ? () => change(draft.slice(0, -1)) : undefined,
    escape: tool === null ? undefined : draft.length > 0 ? stop : onStop,
  });
  return tool === null ? NOTHING : { corners: draft, isOpen: tool === "polygon" && draft.length > 0, fault };
}
