/** The whole slide, small, with a box around what is on screen; a click or a drag goes there. */

import type { PointerEvent } from "react";

import { viewerWords as words } from "@/words/viewer";

import { imagePoint, visibleBox, type Size, type View } from "./coordinates";
import type { SlideView } from "./slideView";
import { useView } from "./useSlideView";
import classes from "./viewer.module.css";

const LARGEST = { width: 180, height: 130 } as const;
/** On a narrow stage the map takes less of the slide. */
const NARROW_PX = 800;
const NARROW_FACTOR = 0.72;
const LEAST_BOX_PX = 6;

interface OverviewMapProps {
  readonly slideView: SlideView;
  readonly thumbnailUrl: string;
  readonly size: Size;
}

interface MapBox extends Size {
  readonly left: number;
  readonly top: number;
  readonly transform?: string;
}

/** Where what is on screen lies on the map, in CSS pixels, never too small to see; the map itself is never turned. */
export function boxOnMap(view: View, size: Size, map: Size): MapBox {
  const factor = map.width / size.width;
  if (view.rotation) return turnedBox(view, factor);
  const box = visibleBox(view);
  const clamp = (value: number, extent: number): number => Math.min(Math.max(value, 0), extent);
  const [left, right] = [clamp(box.x * factor, map.width), clamp((box.x + box.width) * factor, map.width)];
  const [top, bottom] = [clamp(box.y * factor, map.height), clamp((box.y + box.height) * factor, map.height)];
  const width = Math.max(LEAST_BOX_PX, right - left);
  const height = Math.max(LEAST_BOX_PX, bottom - top);
  return { left: Math.min(left, map.width - width), top: Math.min(top, map.height - height), width, height };
}

function turnedBox({ centre, scale, size, rotation = 0 }: View, factor: number): MapBox {
  const [width, height] = [size.width, size.height].map((extent) =>
    Math.max(LEAST_BOX_PX, (extent / scale) * factor),
  ) as [number, number];
  const [left, top] = [centre.x * factor - width / 2, centre.y * factor - height / 2];
  return { left, top, width, height, transform: `rotate(${-rotation}deg)` };
}

export function OverviewMap({ slideView, thumbnailUrl, size }: OverviewMapProps) {
  const view = useView(slideView);
  const room = view && view.size.width < NARROW_PX ? NARROW_FACTOR : 1;
  const factor = room * Math.min(LARGEST.width / size.width, LARGEST.height / size.height);
  const map = { width: Math.round(size.width * factor), height: Math.round(size.height * factor) };
  const goTo = (event: PointerEvent<HTMLElement>): void => {
    if (event.buttons !== 1) return;
    const frame = event.currentTarget.getBoundingClientRect();
    const [x, y] = [(event.clientX - frame.left) / factor, (event.clientY - frame.top) / factor];
    slideView.panTo(imagePoint(x, y), event.type === "pointermove");
  };
  const onDown = (event: PointerEvent<HTMLElement>): void => {
    event.currentTarget.setPointerCapture(event.pointerId);
    goTo(event);
  };
  return (
    <div className={`${classes.float} ${classes.bottomRight}`}>
      <div
        className={classes.overview}
        style={map}
        role="img"
        aria-label={words.overview}
        title={words.overview}
        onPointerDown={onDown}
        onPointerMove={goTo}
      >
        <img className={classes.overviewImage} src={thumbnailUrl} alt="" draggable={false} />
        {view && <div className={classes.overviewBox} style={boxOnMap(view, size, map)} />}
      </div>
    </div>
  );
}
