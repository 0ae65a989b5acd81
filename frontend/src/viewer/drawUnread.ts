/** Hatches the parts of the slide that a count could not read. */

import { imagePoint, toScreen, type ImageBox, type View } from "./coordinates";
import { drawUpright } from "./drawUpright";

const LINE = "#b4690e";
const SPACING_PX = 9;
const LEAST_PX = 4;

interface ScreenBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where a box lies on screen, as large as can be seen; null where it is out of sight. */
export function boxOnScreen(view: View, box: ImageBox): ScreenBox | null {
  const { x, y } = toScreen(view, imagePoint(box.x, box.y));
  const [width, height] = [
    Math.max(LEAST_PX, box.width * view.scale),
    Math.max(LEAST_PX, box.height * view.scale),
  ];
  const isSeen = x < view.size.width && y < view.size.height && x + width > 0 && y + height > 0;
  return isSeen ? { x, y, width, height } : null;
}

/** Slanted lines over the screen that move along with the slide. */
function hatching({ size, centre, scale }: View): Path2D {
  const path = new Path2D();
  const shift = -((centre.x + centre.y) * scale) % SPACING_PX;
  for (let at = shift - SPACING_PX; at < size.width + size.height; at += SPACING_PX) {
    path.moveTo(at, 0);
    path.lineTo(at - size.height, size.height);
  }
  return path;
}

export function drawUnread(context: CanvasRenderingContext2D, view: View, boxes: readonly ImageBox[]): void {
  drawUpright(context, view, (upright) => drawBoxes(context, upright, boxes));
}

function drawBoxes(context: CanvasRenderingContext2D, view: View, boxes: readonly ImageBox[]): void {
  const seen = boxes.map((box) => boxOnScreen(view, box)).filter((box) => box !== null);
  if (seen.length === 0) return;
  const areas = new Path2D();
  for (const { x, y, width, height } of seen) areas.rect(x, y, width, height);
  context.save();
  context.fillStyle = "rgba(255, 246, 232, 0.5)";
  context.fill(areas);
  context.lineWidth = 1.5;
  context.strokeStyle = LINE;
  context.stroke(areas);
  context.clip(areas);
  context.stroke(hatching(view));
  context.restore();
}
