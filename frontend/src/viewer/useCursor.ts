/** Where the pointer is on the slide, for the frame, the position and the region that is being drawn. */

import { useEffect, useState, useSyncExternalStore } from "react";

import { isInside, screenPoint, toImage, type ImagePoint, type ScreenPoint, type Size } from "./coordinates";
import type { SlideView } from "./slideView";
import type { Rgb } from "./stain";

export class Cursor {
  private screen: ScreenPoint | null = null;
  private point: ImagePoint | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly slideView: SlideView) {}

  /** Listens to an element, and to the view: a slide that moves under a resting pointer moves the cursor too. */
  listen(element: HTMLElement): () => void {
    const onMove = (event: PointerEvent): void => {
      const box = element.getBoundingClientRect();
      this.screen = screenPoint(event.clientX - box.left, event.clientY - box.top);
      this.refresh();
    };
    const onLeave = (): void => {
      this.screen = null;
      this.refresh();
    };
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerleave", onLeave);
    const unsubscribe = this.slideView.subscribe(() => this.refresh());
    return () => {
      element.removeEventListener("pointermove", onMove);
      element.removeEventListener("pointerleave", onLeave);
      unsubscribe();
    };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly get = (): ImagePoint | null => this.point;

  private refresh(): void {
    const view = this.slideView.getView();
    this.point = view && this.screen ? toImage(view, this.screen) : null;
    this.listeners.forEach((listener) => listener());
  }
}

export function useCursor(slideView: SlideView | null, element: HTMLElement | null): Cursor | null {
  const [cursor, setCursor] = useState<Cursor | null>(null);
  useEffect(() => {
    if (!slideView || !element) return undefined;
    const made = new Cursor(slideView);
    setCursor(made);
    const stop = made.listen(element);
    return () => {
      stop();
      setCursor(null);
    };
  }, [slideView, element]);
  return cursor;
}

const NOTHING = (): (() => void) => () => undefined;

export function useCursorPoint(cursor: Cursor | null): ImagePoint | null {
  return useSyncExternalStore(cursor?.subscribe ?? NOTHING, () => cursor?.get() ?? null);
}

const REST_MS = 40;

/** The slide's own colour under the cursor, a moment after it has come to rest; null beside the slide. */
export function useCursorColour(
  slideView: SlideView,
  cursor: Cursor | null,
  { width, height }: Size,
): Rgb | null {
  const [colour, setColour] = useState<Rgb | null>(null);
  useEffect(() => {
    if (!cursor) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asked = 0;
    const look = async (): Promise<void> => {
      asked += 1;
      const mine = asked;
      const point = cursor.get();
      const isOn = point !== null && isInside(point, { width, height });
      const found = isOn ? await slideView.colourAt(point).catch(() => null) : null;
      if (mine === asked) setColour(found);
    };
    const lookSoon = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void look(), REST_MS);
    };
    const stops = [cursor.subscribe(lookSoon), slideView.subscribeDrawn(lookSoon)];
    return () => {
      asked = Infinity;
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, [slideView, cursor, width, height]);
  return colour;
}
