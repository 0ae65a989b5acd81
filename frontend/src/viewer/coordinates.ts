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
  /** Degrees by which the slide is turned clockwise on screen; none where absent. */
  readonly rotation?: number;
}

export const imagePoint = (x: number, y: number): ImagePoint => ({ x, y }) as ImagePoint;
export const screenPoint = (x: number, y: number): ScreenPoint => ({ x, y }) as ScreenPoint;

interface Vector {
  readonly x: number;
  readonly y: number;
}

/** Cosine and sine; exact for quarter turns, so that a pixel never lands beside itself. */
function cosSin(degrees: number): readonly [cos: number, sin: number] {
  const quarters = degrees / 90;
  if (Number.isInteger(quarters)) {
    const turn = ((quarters % 4) + 4) % 4;
    return [[1, 0, -1, 0][turn]!, [0, 1, 0, -1][turn]!];
  }
  const radians = (degrees * Math.PI) / 180;
  return [Math.cos(radians), Math.sin(radians)];
}

/** A vector turned clockwise, y pointing down. */
export function turned({ x, y }: Vector, degrees: number): Vector {
  const [cos, sin] = cosSin(degrees);
  return { x: x * cos - y * sin, y: x * sin + y * cos };
}

/** The same turn between −180, excluded, and 180 degrees. */
export const normalTurn = (degrees: number): number => 180 - ((((180 - degrees) % 360) + 360) % 360);

export function toScreen(view: View, point: ImagePoint): ScreenPoint {
  const { x, y } = turned({ x: point.x - view.centre.x, y: point.y - view.centre.y }, view.rotation ?? 0);
  return screenPoint(x * view.scale + view.size.width / 2, y * view.scale + view.size.height / 2);
}

/** How far one gets on the slide by a step on screen. */
export const toImageStep = (view: View, step: Vector): Vector =>
  turned({ x: step.x / view.scale, y: step.y / view.scale }, -(view.rotation ?? 0));

export function toImage(view: View, point: ScreenPoint): ImagePoint {
  const step = toImageStep(view, { x: point.x - view.size.width / 2, y: point.y - view.size.height / 2 });
  return imagePoint(step.x + view.centre.x, step.y + view.centre.y);
}

/** The view as an unturned one that shows all of what this one shows: the size is that of the box around the screen. */
export function uprightView({ rotation = 0, size, ...view }: View): View {
  const [cos, sin] = cosSin(rotation).map(Math.abs) as [number, number];
  return {
    ...view,
    size: { width: size.width * cos + size.height * sin, height: size.width * sin + size.height * cos },
  };
}

/** A box of the image plane that holds what the viewer shows; it may reach beyond the slide. */
export function visibleBox(view: View): ImageBox {
  const { centre, scale, size } = uprightView(view);
  const [width, height] = [size.width / scale, size.height / scale];
  return { x: centre.x - width / 2, y: centre.y - height / 2, width, height };
}

export const isOnScreen = (view: View, point: ImagePoint): boolean => {
  const { x, y } = toScreen(view, point);
  return x >= 0 && y >= 0 && x < view.size.width && y < view.size.height;
};

/** The corners of the screen on the slide, clockwise. */
export const screenCorners = (view: View): ImagePoint[] =>
  (
    [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ] as const
  ).map(([x, y]) => toImage(view, screenPoint(x * view.size.width, y * view.size.height)));

/** The part of a convex outline on one side of a line: where `height` is not negative. */
function cutOff(outline: readonly ImagePoint[], height: (point: ImagePoint) => number): ImagePoint[] {
  return outline.flatMap((to, index) => {
    const from = outline.at(index - 1)!;
    const [a, b] = [height(from), height(to)];
    const share = a / (a - b);
    const crossing =
      a < 0 !== b < 0 ? [imagePoint(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y))] : [];
    return b < 0 ? crossing : [...crossing, to];
  });
}

/** The share of the slide's area that a view shows; 1 only where all of the slide is in sight. */
export function shownShare(view: View, { width, height }: Size): number {
  const sides = [
    ({ x }: ImagePoint) => x,
    ({ x }: ImagePoint) => width - x,
    ({ y }: ImagePoint) => y,
    ({ y }: ImagePoint) => height - y,
  ];
  return polygonArea(sides.reduce(cutOff, screenCorners(view))) / (width * height);
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
