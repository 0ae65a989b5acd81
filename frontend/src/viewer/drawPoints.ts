/** Draws the points of a detection run: each cell while they can be told apart, their density when not. */

import { imagePoint, shownShare, toScreen, visibleBox, type Size, type View } from "./coordinates";
import { CELL_PX, drawDensity } from "./drawDensity";
import { pointsInView, type Points, type RangeQuery } from "./points";

export type PointsMode = "auto" | "points" | "density";

export interface PointsOptions {
  readonly threshold: number;
  readonly colour: string;
  readonly isFilled: boolean;
  readonly mode: PointsMode;
  readonly query: RangeQuery | null;
  readonly image: Size;
}

/** What was drawn, for the line that says so. */
export interface PointsDrawn {
  readonly kind: "points" | "density";
  readonly shown: number;
  readonly total: number;
  /** Points per level-0 pixel² in the strongest colour. */
  readonly topPerPx: number | null;
}

export const SAMPLE = 40_000;
/** One point per this many CSS pixels²: closer than that they run into one another. */
const CROWDED_PX2 = 110;
const SQUARES_FROM = 6000;
/** At this zoom a cell is large enough to be judged, so each is shown however many there are. */
const CELLS_FROM_SCALE = 0.5;

export function drawPoints(
  context: CanvasRenderingContext2D,
  view: View,
  points: Points,
  options: PointsOptions,
): PointsDrawn {
  const { threshold, query, image } = options;
  const box = visibleBox(view);
  const share = shownShare(view, image);
  const { shown, total } = pointsInView(points, { box, threshold, limit: SAMPLE, query, share });
  const xy = screenPositions(view, points, shown);
  const kind = kindOf(options.mode, total, image, view);
  if (kind === "density") {
    const weight = shown.length === 0 ? 0 : total / shown.length;
    const grid = drawDensity(context, view, { xy, weight });
    const topPerPx = grid.top / (CELL_PX / view.scale) ** 2;
    return { kind, shown: total, total, topPerPx };
  }
  drawDots(context, xy, options);
  return { kind, shown: shown.length, total, topPerPx: null };
}

function kindOf(mode: PointsMode, total: number, image: Size, view: View): "points" | "density" {
  if (mode !== "auto") return mode;
  if (view.scale >= CELLS_FROM_SCALE) return "points";
  const width = Math.min(view.size.width, image.width * view.scale);
  const height = Math.min(view.size.height, image.height * view.scale);
  return total > (width * height) / CROWDED_PX2 ? "density" : "points";
}

function screenPositions(view: View, points: Points, shown: Uint32Array): Float32Array {
  const xy = new Float32Array(2 * shown.length);
  const origin = toScreen(view, imagePoint(0, 0));
  shown.forEach((i, at) => {
    xy[2 * at] = origin.x + points.xy[2 * i]! * view.scale;
    xy[2 * at + 1] = origin.y + points.xy[2 * i + 1]! * view.scale;
  });
  return xy;
}

function dotsPath(xy: Float32Array, radius: number): Path2D {
  const path = new Path2D();
  const isSquare = xy.length / 2 > SQUARES_FROM;
  for (let i = 0; i < xy.length; i += 2) {
    const [x, y] = [xy[i]!, xy[i + 1]!];
    if (isSquare) path.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    else {
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 2 * Math.PI);
    }
  }
  return path;
}

function drawDots(
  context: CanvasRenderingContext2D,
  xy: Float32Array,
  { colour, isFilled }: PointsOptions,
): void {
  const count = xy.length / 2;
  const radius = count > SQUARES_FROM ? 1.4 : isFilled || count > 1500 ? 3 : 5;
  const path = dotsPath(xy, radius);
  context.save();
  context.strokeStyle = "rgba(255, 255, 255, 0.9)";
  context.lineWidth = count > SQUARES_FROM ? 1 : isFilled ? 2.4 : 4.2;
  context.stroke(path);
  if (isFilled || count > SQUARES_FROM) {
    context.fillStyle = colour;
    context.fill(path);
  } else {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.stroke(path);
  }
  context.restore();
}
