/** Paints bins as a heat layer over the slide. */

import { imagePoint, toScreen, type View } from "./coordinates";
import type { Bins } from "./density";
import { drawUpright } from "./drawUpright";

/** Colour of a share 0…1 of the top: clear, yellow, red; told apart on brown and on blue. */
export function heat(share: number): readonly [red: number, green: number, blue: number, alpha: number] {
  const t = Math.min(1, share);
  return [255 - 25 * t, 214 - 170 * t, 40 + 20 * t, t < 0.02 ? 0 : 30 + 180 * t ** 0.75];
}

const STEPS = 255;
/** Colours of 0…1 in bytes, so that painting a bin is four copies. */
const RAMP = Uint8ClampedArray.from(
  { length: 4 * (STEPS + 1) },
  (_, i) => heat(Math.floor(i / 4) / STEPS)[i % 4]!,
);

interface Painted {
  readonly bins: Bins;
  readonly canvas: HTMLCanvasElement;
}

/** Keeps the picture of the bins painted last: moving the view moves the picture. */
export class HeatPainter {
  private last: Painted | null = null;

  draw(context: CanvasRenderingContext2D, view: View, bins: Bins, topPerPx: number): void {
    if (topPerPx === 0) return;
    if (this.last?.bins !== bins) this.last = { bins, canvas: paint(bins, topPerPx, this.last?.canvas) };
    const { canvas } = this.last;
    const pixel = bins.side * view.scale;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low";
    drawUpright(context, view, (upright) => {
      const { x, y } = toScreen(upright, imagePoint(bins.x, bins.y));
      context.drawImage(canvas, x, y, bins.columns * pixel, bins.rows * pixel);
    });
  }
}

function paint(bins: Bins, topPerPx: number, old?: HTMLCanvasElement): HTMLCanvasElement {
  const canvas = old ?? document.createElement("canvas");
  canvas.width = bins.columns;
  canvas.height = bins.rows;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(bins.columns, bins.rows);
  const perShare = STEPS / (topPerPx * bins.side * bins.side);
  bins.values.forEach((value, i) => {
    if (value === 0) return;
    const step = 4 * Math.min(STEPS, Math.round(value * perShare));
    for (let byte = 0; byte < 4; byte += 1) image.data[4 * i + byte] = RAMP[step + byte]!;
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
