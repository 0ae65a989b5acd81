/** Keeps what was drawn on the screen and around it, so that panning moves a picture instead of drawing anew. */

import { imagePoint, toScreen, type View } from "./coordinates";

export type Render = (context: CanvasRenderingContext2D, view: View) => void;

interface Kept {
  readonly view: View;
  readonly canvas: HTMLCanvasElement;
}

/** How far the picture reaches beyond the screen, as a share of it. */
const MARGIN = 0.25;

/** The view with its surroundings. */
export const widened = (view: View, margin = MARGIN): View => ({
  ...view,
  size: {
    width: Math.ceil(view.size.width * (1 + 2 * margin)),
    height: Math.ceil(view.size.height * (1 + 2 * margin)),
  },
});

/** Where the screen's corner lies in the picture of a wider view, CSS pixels; null where it reaches beyond it. */
export function cornerIn(wide: View, view: View): { readonly x: number; readonly y: number } | null {
  const middle = toScreen(wide, imagePoint(view.centre.x, view.centre.y));
  const [x, y] = [middle.x - view.size.width / 2, middle.y - view.size.height / 2];
  const isInside =
    x >= 0 && y >= 0 && x + view.size.width <= wide.size.width && y + view.size.height <= wide.size.height;
  return isInside ? { x, y } : null;
}

const NOTHING_DRAWN = { render: () => undefined, scale: 0, rotation: 0 };

export class PanPicture {
  private kept: Kept | null = null;
  private last: Pick<View, "scale" | "rotation"> & { readonly render: Render } = NOTHING_DRAWN;

  /** Draws by `render` whenever that or the zoom is another one, and from the picture as long as only the place changes. */
  draw(context: CanvasRenderingContext2D, view: View, render: Render): void {
    const { scale, rotation } = view;
    if (this.last.render !== render || this.last.scale !== scale || this.last.rotation !== rotation) {
      this.last = { render, scale, rotation };
      this.kept = null;
      render(context, view);
      return;
    }
    const ratio = context.canvas.width / view.size.width;
    const corner = this.kept && cornerIn(this.kept.view, view);
    if (this.kept && corner) {
      blit(context, this.kept.canvas, Math.round(corner.x * ratio), Math.round(corner.y * ratio));
      return;
    }
    const wide = widened(view);
    this.kept = { view: wide, canvas: paint(wide, ratio, render) };
    const { x, y } = cornerIn(wide, view) ?? { x: 0, y: 0 };
    blit(context, this.kept.canvas, Math.round(x * ratio), Math.round(y * ratio));
  }
}

function paint(view: View, ratio: number, render: Render): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(view.size.width * ratio);
  canvas.height = Math.ceil(view.size.height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  render(context, view);
  return canvas;
}

function blit(context: CanvasRenderingContext2D, picture: HTMLCanvasElement, x: number, y: number): void {
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(picture, -x, -y);
  context.restore();
}
