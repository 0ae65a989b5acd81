/** Keeps two open slides in step, and the address true to both. */

import { useCallback, useEffect, useRef, useState } from "react";

import { imagePoint, type Size } from "./coordinates";
import { ratioOf, stepBetween, toLeft, toRight, type Step } from "./inStep";
import { changeSettings, onSettings, viewerSettings } from "./settings";
import type { SlideView } from "./slideView";
import { isStainChannel } from "./stain";
import { linkValues, placeFromLink, placeToLink, type Place } from "./viewLink";

export type Side = "left" | "right";

export interface Pair {
  readonly left: SlideView;
  readonly right: SlideView;
}

const RIGHT = "2";
const LINK_PAUSE_MS = 400;

const middleOf = ({ width, height }: Size) => imagePoint(width / 2, height / 2);

/** Where both open: as the address says, else the left one whole and the right one's middle at the same scale. */
function openingOf({ left, right }: Pair, ratio: number): { left: Place; right: Place } | null {
  const view = left.getView();
  if (!view || !right.getView()) return null;
  const values = linkValues(window.location.hash);
  const stain = values.get("stain");
  if (isStainChannel(stain)) changeSettings({ stain });
  const first = placeFromLink(values) ?? view;
  const middles = { left: middleOf(left.size), right: middleOf(right.size), ratio, turn: 0 };
  return { left: first, right: placeFromLink(values, RIGHT) ?? toRight(middles, first) };
}

function writeLink({ left, right }: Pair): void {
  const [one, other, { stain }] = [left.getView(), right.getView(), viewerSettings()];
  if (!one || !other) return;
  const values = {
    ...placeToLink(one),
    ...placeToLink(other, RIGHT),
    ...(stain === "all" ? {} : { stain }),
  };
  window.history.replaceState(window.history.state, "", `#${new URLSearchParams(values).toString()}`);
}

function keepLink(pair: Pair): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const writeSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => writeLink(pair), LINK_PAUSE_MS);
  };
  const stops = [pair.left.subscribe(writeSoon), pair.right.subscribe(writeSoon), onSettings(writeSoon)];
  return () => {
    clearTimeout(timer);
    stops.forEach((stop) => stop());
  };
}

/** Calls `start` once both slides have opened. */
function whenOpen(pair: Pair, start: () => void): () => void {
  let isStarted = false;
  const look = (): void => {
    if (isStarted || !pair.left.getView() || !pair.right.getView()) return;
    isStarted = true;
    start();
  };
  const stops = [pair.left.subscribe(look), pair.right.subscribe(look)];
  look();
  return () => stops.forEach((stop) => stop());
}

export interface InStep {
  readonly side: Side;
  /** Says which slide is being moved: the other one follows. */
  readonly lead: (side: Side) => void;
}

/**
 * Keeps the slide that is not being moved in step with the one that is. While `isInStep` is false each goes its way, and
 * where they are when it is true again counts as the same place from then on.
 */
export function useInStep(
  pair: Pair | null,
  mpp: readonly [left: number | null, right: number | null],
  isInStep: boolean,
): InStep {
  const [side, setSide] = useState<Side>("left");
  const step = useRef<Step | null>(null);
  const ratio = ratioOf(...mpp);

  useEffect(() => {
    if (!pair) return undefined;
    let stopLink = (): void => undefined;
    const stopWaiting = whenOpen(pair, () => {
      const opening = openingOf(pair, ratio);
      if (!opening) return;
      pair.left.place(opening.left);
      pair.right.place(opening.right);
      step.current = stepBetween(opening.left, opening.right, ratio);
      stopLink = keepLink(pair);
    });
    return () => {
      step.current = null;
      stopWaiting();
      stopLink();
    };
  }, [pair, ratio]);

  useEffect(() => {
    const [left, right] = [pair?.left.getView(), pair?.right.getView()];
    if (isInStep && step.current && left && right) step.current = stepBetween(left, right, ratio);
  }, [pair, isInStep, ratio]);

  useEffect(() => {
    if (!pair || !isInStep) return undefined;
    const [leader, follower] = side === "left" ? [pair.left, pair.right] : [pair.right, pair.left];
    const follow = (): void => {
      const view = leader.getView();
      if (!view || !step.current) return;
      follower.place((side === "left" ? toRight : toLeft)(step.current, view));
    };
    follow();
    return leader.subscribe(follow);
  }, [pair, isInStep, side, ratio]);

  const lead = useCallback((wanted: Side) => setSide(wanted), []);
  return { side, lead };
}
