/** Image and screen coordinates as types that cannot be mixed, and the one transform between them. */

declare const space: unique symbol;

/** A point in level-0 pixels of the slide: origin top-left, x right, y down; may lie between pixels. */
export interface ImagePoint {
  readonly x: number;
  readonly y: number;
  readonly [space]: "image";
}

/** A point in CSS pixels of the viewer element: origin top-left, x right, y down. */
export interface ScreenPoint {
  readonly x: number;
  readonly y: number;
  readonly [space]: "screen";
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A box in level-0 pixels, [x, x + width) × [y, y + height). */
export interface ImageBox extends Size {
  readonly x: number;
  readonly y: number;
}

/** What the viewer shows: the image point in the middle and how many CSS pixels one image pixel spans. */
export interface View {
  readonly centre: ImagePoint;
  readonly scale: number;
  readonly size: Size;
}

export const imagePoint = (x: number, y: number): ImagePoint => ({ x, y }) as ImagePoint;
export const screenPoint = (x: number, y: number): ScreenPoint => ({ x, y }) as ScreenPoint;

export function toScreen(view: View, point: ImagePoint): ScreenPoint {
  return screenPoint(
    (point.x - view.centre.x) * view.scale + view.size.width / 2,
    (point.y - view.centre.y) * view.scale + view.size.height / 2,
  );
}

export function toImage(view: View, point: ScreenPoint): ImagePoint {
  return imagePoint(
    (point.x - view.size.width / 2) / view.scale + view.centre.x,
    (point.y - view.size.height / 2) / view.scale + view.centre.y,
  );
}

/** The part of the image plane that the viewer shows; it may reach beyond the slide. */
export function visibleBox(view: View): ImageBox {
  const corner = toImage(view, screenPoint(0, 0));
  return {
    x: corner.x,
    y: corner.y,
    width: view.size.width / view.scale,
    height: view.size.height / view.scale,
  };
}

/** The share of the slide's area that a view shows; 1 only where all of the slide is in sight. */
export function shownShare(view: View, size: Size): number {
  const box = visibleBox(view);
  const overlap = (start: number, extent: number, end: number): number =>
    Math.max(0, Math.min(start + extent, end) - Math.max(start, 0)) / end;
  return overlap(box.x, box.width, size.width) * overlap(box.y, box.height, size.height);
}

/** The pixel that a point lies in: (u, v) → (⌊u⌋, ⌊v⌋). */
export const pixelOf = (point: ImagePoint): ImagePoint =>
  imagePoint(Math.floor(point.x), Math.floor(point.y));

/** The middle of a pixel, where its marker is drawn. */
export const middleOf = (pixel: ImagePoint): ImagePoint => imagePoint(pixel.x + 0.5, pixel.y + 0.5);

export const isInside = (point: ImagePoint, image: Size): boolean =>
  point.x >= 0 && point.y >= 0 && point.x < image.width && point.y < image.height;

/** How many level-0 pixels a patch spans: at the study's model scale where both scales are known, else as they are. */
export function patchSide(patchPx: number, modelMpp: number | null, slideMpp: number | null): number {
  return modelMpp && slideMpp ? Math.round((patchPx * modelMpp) / slideMpp) : patchPx;
}

function movedInwards(centre: number, side: number, extent: number): number {
  const half = Math.floor(side / 2);
  return Math.min(Math.max(centre, half), Math.max(half, extent - (side - half)));
}

/** The centre pixel that will be stored for a click: near an edge the box moves inwards and the centre with it. */
export function patchCentre(pixel: ImagePoint, side: number, image: Size): ImagePoint {
  return imagePoint(movedInwards(pixel.x, side, image.width), movedInwards(pixel.y, side, image.height));
}

/** The box that is cropped around a centre pixel: [x − side/2, x + side/2). */
export function patchBox(centre: ImagePoint, side: number): ImageBox {
  const half = Math.floor(side / 2);
  return { x: centre.x - half, y: centre.y - half, width: side, height: side };
}

export function polygonArea(polygon: readonly ImagePoint[]): number {
  let twice = 0;
  polygon.forEach((point, index) => {
    const next = polygon[(index + 1) % polygon.length] ?? point;
    twice += point.x * next.y - next.x * point.y;
  });
  return Math.abs(twice) / 2;
}
