/** Draws what lies along the slide's own axes as if the slide were not turned. */

import { uprightView, type View } from "./coordinates";

/** Calls `draw` with an unturned view, and turns what it draws. */
export function drawUpright(
  context: CanvasRenderingContext2D,
  view: View,
  draw: (upright: View) => void,
): void {
  const upright = uprightView(view);
  context.save();
  context.translate(view.size.width / 2, view.size.height / 2);
  context.rotate(((view.rotation ?? 0) * Math.PI) / 180);
  context.translate(-upright.size.width / 2, -upright.size.height / 2);
  draw(upright);
  context.restore();
}
