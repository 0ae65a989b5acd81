/** Draws regions: outlined, and the rest of the slide dimmed, so that one sees what is counted; the lowest layer. */

import { toScreen, type ImagePoint, type View } from "./coordinates";
import type { Region } from "./regions";

const LINE = "#19b8a6";

function regionPath(view: View, regions: readonly Region[]): Path2D {
  const path = new Path2D();
  for (const region of regions) {
    region.forEach((point, index) => {
      const { x, y } = toScreen(view, point);
      if (index === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
    path.closePath();
  }
  return path;
}

function outline(context: CanvasRenderingContext2D, path: Path2D, dash: number[]): void {
  context.setLineDash([]);
  context.lineWidth = 4;
  context.strokeStyle = "rgba(255, 255, 255, 0.8)";
  context.stroke(path);
  context.setLineDash(dash);
  context.lineWidth = 2;
  context.strokeStyle = LINE;
  context.stroke(path);
}

export function drawRegions(context: CanvasRenderingContext2D, view: View, regions: readonly Region[]): void {
  if (regions.length === 0) return;
  context.save();
  context.fillStyle = "rgba(20, 24, 31, 0.3)";
  context.fillRect(0, 0, view.size.width, view.size.height);
  context.globalCompositeOperation = "destination-out";
  context.fillStyle = "#000000";
  for (const region of regions) context.fill(regionPath(view, [region]));
  context.globalCompositeOperation = "source-over";
  outline(context, regionPath(view, regions), []);
  context.restore();
}

/** The region that is being drawn: its corners, and a line to the cursor. */
export function drawDraft(
  context: CanvasRenderingContext2D,
  view: View,
  corners: readonly ImagePoint[],
  cursor: ImagePoint | null,
): void {
  const points = cursor ? [...corners, cursor] : corners;
  context.save();
  outline(context, regionPath(view, [points]), [6, 4]);
  context.setLineDash([]);
  for (const corner of corners) {
    const { x, y } = toScreen(view, corner);
    context.fillStyle = "#ffffff";
    context.fillRect(x - 4, y - 4, 8, 8);
    context.strokeStyle = LINE;
    context.strokeRect(x - 4, y - 4, 8, 8);
  }
  context.restore();
}
