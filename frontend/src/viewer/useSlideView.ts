/** Opens a slide in an element, and lets components follow what it shows. */

import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

import type { Size, View } from "./coordinates";
import { SlideView } from "./slideView";
import { formatViewLink, parseViewLink } from "./viewLink";

const LINK_PAUSE_MS = 400;

/** The address tells what is on screen, without filling the history; a link to another place goes there. */
function keepLink(slideView: SlideView): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    const view = slideView.getView();
    if (view) window.history.replaceState(window.history.state, "", formatViewLink(view));
  };
  const unsubscribe = slideView.subscribe(() => {
    clearTimeout(timer);
    timer = setTimeout(write, LINK_PAUSE_MS);
  });
  const follow = (): void => {
    const link = parseViewLink(window.location.hash);
    if (link) slideView.show(link, true);
  };
  window.addEventListener("hashchange", follow);
  return () => {
    clearTimeout(timer);
    unsubscribe();
    window.removeEventListener("hashchange", follow);
  };
}

interface OpenedSlide {
  readonly slideView: SlideView | null;
  readonly ref: (element: HTMLElement | null) => void;
}

export function useSlideView(slideId: number, { width, height }: Size): OpenedSlide {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [slideView, setSlideView] = useState<SlideView | null>(null);
  useEffect(() => {
    if (!element) return undefined;
    const opened = new SlideView(element, slideId, { width, height }, parseViewLink(window.location.hash));
    const stopLink = keepLink(opened);
    setSlideView(opened);
    return () => {
      stopLink();
      setSlideView(null);
      opened.destroy();
    };
  }, [element, slideId, width, height]);
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

export function useFailedTiles(slideView: SlideView | null): number {
  const read = useCallback(() => slideView?.getFailedTiles() ?? 0, [slideView]);
  return useSyncExternalStore(slideView?.subscribe ?? NOTHING, read);
}
