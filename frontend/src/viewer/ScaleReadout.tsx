/** Scale bar, magnification, cursor position and colour: always in sight, bottom left. */

import { lookWords, viewerWords as words } from "@/words/viewer";

import { isInside, pixelOf, type Size } from "./coordinates";
import { isPastNative, magnificationText, nativeMagnification, scaleBar } from "./scaleBar";
import { useViewerSettings } from "./settings";
import type { SlideView } from "./slideView";
import { stainDensity } from "./stain";
import { useCursorColour, useCursorPoint, type Cursor } from "./useCursor";
import { useViewScale } from "./useSlideView";
import classes from "./viewer.module.css";

const number = new Intl.NumberFormat("en");

interface ScaleReadoutProps {
  readonly slideView: SlideView;
  readonly mpp: number | null;
  readonly objective: number | null;
  readonly size: Size;
  readonly cursor: Cursor | null;
  /** Opens the card that sets the scale; left out for those who may not. */
  readonly onScale?: () => void;
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

/** The colour of the slide under a resting cursor, and how dense the stain is that is shown alone. */
function CursorColour({ slideView, cursor, size }: Pick<ScaleReadoutProps, "slideView" | "cursor" | "size">) {
  const { stain } = useViewerSettings();
  const colour = useCursorColour(slideView, cursor, size);
  const density = colour && stain !== "all" ? stainDensity(stain, colour) : null;
  return (
    <span className={classes.colour} title={lookWords.colour} data-testid="colour">
      <span
        className={classes.swatch}
        style={{ background: colour ? `rgb(${colour.join(" ")})` : undefined }}
      />
      {colour ? colour.join(" ") : "–"}
      {density !== null && <span> · {lookWords.density(Math.max(0, density).toFixed(2))}</span>}
    </span>
  );
}

function UnknownScale({ onScale }: Pick<ScaleReadoutProps, "onScale">) {
  if (!onScale) {
    return (
      <span className={classes.warning} title={words.noScaleLong}>
        {words.noScale}
      </span>
    );
  }
  return (
    <button type="button" className={classes.setScale} title={words.noScaleLong} onClick={onScale}>
      {words.noScaleSet}
    </button>
  );
}

export function ScaleReadout({ slideView, mpp, objective, size, cursor, onScale }: ScaleReadoutProps) {
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
      {mpp === null && <UnknownScale onScale={onScale} />}
      <span className={classes.magnification}>
        {magnificationText(scale, nativeMagnification(mpp, objective))}
      </span>
      <CursorPosition cursor={cursor} size={size} />
      <CursorColour slideView={slideView} cursor={cursor} size={size} />
    </div>
  );
}
