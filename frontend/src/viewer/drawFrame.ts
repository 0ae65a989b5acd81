/** Draws the frame of the patch that a label would crop here, and the crosshair of the keyboard mode. */

import { imagePoint, toScreen, type ImageBox, type ImagePoint, type View } from "./coordinates";
import { drawUpright } from "./drawUpright";

/** Below this the frame is a dot; a cross of fixed size says where it is. */
const LEAST_FRAME_PX = 9;

export function drawFrame(
  context: CanvasRenderingContext2D,
  view: View,
  box: ImageBox,
  colour: string,
): void {
  drawUpright(context, view, (upright) => {
    const corner = toScreen(upright, imagePoint(box.x, box.y));
    const [width, height] = [box.width * view.scale, box.height * view.scale];
    if (width < LEAST_FRAME_PX) {
      drawCross(context, corner.x + width / 2, corner.y + height / 2, 9, colour);
      return;
    }
    context.lineWidth = 4;
    context.strokeStyle = "rgba(255, 255, 255, 0.75)";
    context.strokeRect(corner.x, corner.y, width, height);
    context.lineWidth = 2;
    context.strokeStyle = colour;
    context.strokeRect(corner.x, corner.y, width, height);
  });
}

export function drawCrosshair(
  context: CanvasRenderingContext2D,
  view: View,
  at: ImagePoint,
  colour: string,
): void {
  const { x, y } = toScreen(view, at);
  context.save();
  drawCross(context, x, y, 22, colour);
  context.restore();
}

function drawCross(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  arm: number,
  colour: string,
): void {
  const gap = 4;
  for (const [lineWidth, strokeStyle] of [
    [4, "rgba(255, 255, 255, 0.8)"],
    [2, colour],
  ] as const) {
    context.lineWidth = lineWidth;
    context.strokeStyle = strokeStyle;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      context.moveTo(x + dx * gap, y + dy * gap);
      context.lineTo(x + dx * arm, y + dy * arm);
    }
    context.stroke();
  }
}
