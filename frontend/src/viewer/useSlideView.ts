/** Opens a slide in an element, and lets components follow what it shows. */

import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

import type { Size, View } from "./coordinates";
import { SlideView } from "./slideView";
import { changeSettings, onSettings, viewerSettings } from "./settings";
import { formatViewLink, parseViewLink, type Place } from "./viewLink";

const LINK_PAUSE_MS = 400;

/** The address tells what is on screen, without filling the history; a link to another place goes there. */
function keepLink(slideView: SlideView): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    const view = slideView.getView();
    if (view)
      window.history.replaceState(window.history.state, "", formatViewLink(view, viewerSettings().stain));
  };
  const writeSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(write, LINK_PAUSE_MS);
  };
  const stops = [slideView.subscribe(writeSoon), onSettings(writeSoon)];
  const follow = (): void => {
    const link = parseViewLink(window.location.hash);
    if (!link) return;
    changeSettings({ stain: link.stain });
    slideView.show(link, true);
  };
  window.addEventListener("hashchange", follow);
  return () => {
    clearTimeout(timer);
    stops.forEach((stop) => stop());
    window.removeEventListener("hashchange", follow);
  };
}

interface OpenedSlide {
  readonly slideView: SlideView | null;
  readonly ref: (element: HTMLElement | null) => void;
}

/** What the address names, with its stain chosen. */
function linkedPlace(): Place | null {
  const link = parseViewLink(window.location.hash);
  if (link) changeSettings({ stain: link.stain });
  return link;
}

/** Opens a slide where the address says, and keeps that true; or, `isLinked` false, where somebody else will say. */
export function useSlideView(slideId: number, { width, height }: Size, isLinked = true): OpenedSlide {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [slideView, setSlideView] = useState<SlideView | null>(null);
  useEffect(() => {
    if (!element) return undefined;
    const opened = new SlideView(element, slideId, { width, height }, isLinked ? linkedPlace() : null);
    const stopLink = isLinked ? keepLink(opened) : () => undefined;
    setSlideView(opened);
    return () => {
      stopLink();
      setSlideView(null);
      opened.destroy();
    };
  }, [element, slideId, width, height, isLinked]);
  return { slideView, ref: setElement };
}

const NOTHING = (): (() => void) => () => undefined;

/** The current view; the component draws itself anew whenever it changes. */
export function useView(slideView: SlideView | null): View | null {
  return useSyncExternalStore(slideView?.subscribe ?? NOTHING, () => slideView?.getView() ?? null);
}

/** One number of the view; the component draws itself anew only when that changes. */
export function useViewScale(slideView: SlideView | null): number | null {
  return useSyncExternalStore(slideView?.subscribe ?? NOTHING, () => slideView?.getView()?.scale ?? null);
}

export function useRotation(slideView: SlideView | null): number {
  return useSyncExternalStore(slideView?.subscribe ?? NOTHING, () => slideView?.getView()?.rotation ?? 0);
}

export function useFailedTiles(slideView: SlideView | null): number {
  const read = useCallback(() => slideView?.getFailedTiles() ?? 0, [slideView]);
  return useSyncExternalStore(slideView?.subscribe ?? NOTHING, read);
}
