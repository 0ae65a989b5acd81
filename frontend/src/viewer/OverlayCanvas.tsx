/** A transparent canvas over the slide that redraws in step with it. */

import { useEffect, useLayoutEffect, useRef } from "react";

import type { View } from "./coordinates";
import type { SlideView } from "./slideView";
import classes from "./viewer.module.css";

export type Draw = (context: CanvasRenderingContext2D, view: View) => void;

interface OverlayCanvasProps {
  readonly slideView: SlideView;
  /** A new function means: draw again. */
  readonly draw: Draw;
}

function paint(canvas: HTMLCanvasElement, view: View, draw: Draw): void {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(view.size.width * ratio), Math.round(view.size.height * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw(context, view);
}

export function OverlayCanvas({ slideView, draw }: OverlayCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  useLayoutEffect(() => {
    latest.current = draw;
    const view = slideView.getView();
    if (canvas.current && view) paint(canvas.current, view, draw);
  }, [slideView, draw]);
  useEffect(
    () =>
      slideView.subscribe(() => {
        const view = slideView.getView();
        if (canvas.current && view) paint(canvas.current, view, latest.current);
      }),
    [slideView],
  );
  return <canvas ref={canvas} className={classes.overlay} aria-hidden="true" />;
}
