/** Draws the line along a known length, with a tick at each end. */

import type { Line } from "./calibration";
import { toScreen, type View } from "./coordinates";

const TICK_PX = 8;
const COLOUR = "#e0b400";

export function drawLine(context: CanvasRenderingContext2D, view: View, { from, to }: Line): void {
  const [a, b] = [toScreen(view, from), toScreen(view, to)];
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length === 0) return;
  const [acrossX, acrossY] = [(-(b.y - a.y) / length) * TICK_PX, ((b.x - a.x) / length) * TICK_PX];
  const path = new Path2D();
  path.moveTo(a.x, a.y);
  path.lineTo(b.x, b.y);
  for (const end of [a, b]) {
    path.moveTo(end.x - acrossX, end.y - acrossY);
    path.lineTo(end.x + acrossX, end.y + acrossY);
  }
  for (const [width, colour] of [
    [5, "rgba(20, 24, 31, 0.75)"],
    [2, COLOUR],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke(path);
  }
}
