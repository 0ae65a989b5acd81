/** Scale bar, magnification and cursor position: always in sight, bottom left. */

import { viewerWords as words } from "@/words/viewer";

import { isInside, pixelOf, type Size } from "./coordinates";
import { isPastNative, magnificationText, nativeMagnification, scaleBar } from "./scaleBar";
import type { SlideView } from "./slideView";
import { useCursorPoint, type Cursor } from "./useCursor";
import { useViewScale } from "./useSlideView";
import classes from "./viewer.module.css";

const number = new Intl.NumberFormat("en");

interface ScaleReadoutProps {
  readonly slideView: SlideView;
  readonly mpp: number | null;
  readonly objective: number | null;
  readonly size: Size;
  readonly cursor: Cursor | null;
}

function CursorPosition({ cursor, size }: Pick<ScaleReadoutProps, "cursor" | "size">) {
  const point = useCursorPoint(cursor);
  const pixel = point && isInside(point, size) ? pixelOf(point) : null;
  return (
    <span className={classes.position} title={words.cursor}>
      {pixel ? `x ${number.format(pixel.x)}  y ${number.format(pixel.y)}` : "x –  y –"}
    </span>
  );
}

export function ScaleReadout({ slideView, mpp, objective, size, cursor }: ScaleReadoutProps) {
  const scale = useViewScale(slideView);
  if (scale === null) return null;
  const bar = scaleBar(scale, mpp, 130);
  const isPast = isPastNative(scale);
  return (
    <div className={`${classes.float} ${classes.bottomLeft}`}>
      <div className={classes.scaleBar} data-past={isPast} title={isPast ? words.pastNativeLong : undefined}>
        <span className={classes.scaleText}>
          {number.format(bar.length)} {bar.unit}
        </span>
        <div className={classes.scaleLine} style={{ width: bar.screenPx }} />
      </div>
      {mpp === null && (
        <span className={classes.warning} title={words.noScaleLong}>
          {words.noScale}
        </span>
      )}
      <span className={classes.magnification}>
        {magnificationText(scale, nativeMagnification(mpp, objective))}
      </span>
      <CursorPosition cursor={cursor} size={size} />
    </div>
  );
}
