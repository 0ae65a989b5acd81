/** The keys that move and change the view of a slide. */

import { screenPoint } from "./coordinates";
import { useKeys, type KeyMap } from "./keys";
import { changeSettings, viewerSettings } from "./settings";
import type { SlideView } from "./slideView";
import { STAIN_CHANNELS } from "./stain";

const PAN_PX = 90;
const QUARTER = 90;
const FINE = 15;

function nextStain(): void {
  const at = STAIN_CHANNELS.indexOf(viewerSettings().stain);
  changeSettings({ stain: STAIN_CHANNELS[(at + 1) % STAIN_CHANNELS.length]! });
}

/** Keys for what both slides of a pair share. */
const SHARED: KeyMap = {
  "shift+g": () => changeSettings({ isGridShown: !viewerSettings().isGridShown }),
  s: nextStain,
};

interface ViewKeys {
  readonly arrowsPan: boolean;
  readonly onScale?: () => void;
}

/** Without a view, the keys are for another slide. */
export function useViewKeys(slideView: SlideView | null, { arrowsPan, onScale }: ViewKeys): void {
  const pan = (x: number, y: number) => () => slideView?.panBy(screenPoint(x * PAN_PX, y * PAN_PX));
  const turn = (degrees: number) => () => slideView?.turnBy(degrees);
  const zoomIn = () => slideView?.zoomIn();
  const zoomOut = () => slideView?.zoomOut();
  const arrows = {
    arrowleft: pan(-1, 0),
    arrowright: pan(1, 0),
    arrowup: pan(0, -1),
    arrowdown: pan(0, 1),
  };
  const keys = {
    ...SHARED,
    ...(arrowsPan ? arrows : {}),
    "+": zoomIn,
    "=": zoomIn,
    "-": zoomOut,
    "0": () => slideView?.fit(),
    q: turn(-QUARTER),
    e: turn(QUARTER),
    "shift+q": turn(-FINE),
    "shift+e": turn(FINE),
    n: () => slideView?.turnTo(0),
    m: onScale,
  };
  useKeys(slideView ? keys : {});
}
