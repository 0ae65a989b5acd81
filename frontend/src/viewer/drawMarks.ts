/** Draws labels: constant size on screen, class told by shape and colour, a light halo, never dropped. */

import { toScreen, visibleBox, type ImagePoint, type View } from "./coordinates";
import { binSide, countBins, smoothed, topDensity } from "./density";
import { HeatPainter } from "./drawHeat";
import { SELECTED, type MarkShape, type StyleOf } from "./markStyle";

export interface DrawnMark {
  readonly id: string;
  readonly at: ImagePoint;
  readonly classId: number;
  readonly mine: boolean;
  /** Not yet on the server: drawn dashed. */
  readonly isWaiting: boolean;
}

export interface MarkOptions {
  readonly styleOf: StyleOf;
  readonly isFilled: boolean;
  readonly selectedId: string | null;
}

export const MARK_RADIUS_PX = 8;
const MARGIN_PX = 24;
/** From here on shapes cover each other; the density layer says more. */
const MOST_SHAPES = 3000;
const SMALLER_FROM = 700;
const heatOfMarks = new HeatPainter();

export function shapePath(shape: MarkShape, r: number): Path2D {
  const path = new Path2D();
  if (shape === "ring") path.arc(0, 0, r, 0, 2 * Math.PI);
  if (shape === "square") path.rect(-r * 0.88, -r * 0.88, r * 1.76, r * 1.76);
  if (shape === "diamond") {
    path.moveTo(0, -r * 1.15);
    path.lineTo(r * 1.15, 0);
    path.lineTo(0, r * 1.15);
    path.lineTo(-r * 1.15, 0);
    path.closePath();
  }
  if (shape === "cross") {
    const arm = r * 0.85;
    path.moveTo(-arm, -arm);
    path.lineTo(arm, arm);
    path.moveTo(arm, -arm);
    path.lineTo(-arm, arm);
  }
  return path;
}

function drawShape(
  context: CanvasRenderingContext2D,
  mark: DrawnMark,
  path: Path2D,
  options: MarkOptions,
): void {
  const { colour, shape } = options.styleOf(mark.classId);
  const isSelected = mark.id === options.selectedId;
  context.setLineDash([]);
  context.lineWidth = isSelected ? 8 : 5;
  context.strokeStyle = isSelected ? SELECTED : "rgba(255, 255, 255, 0.85)";
  context.stroke(path);
  if (options.isFilled && shape !== "cross") {
    context.fillStyle = colour;
    context.fill(path);
  }
  if (mark.isWaiting) context.setLineDash([4, 3]);
  context.lineWidth = options.isFilled && shape === "cross" ? 3.5 : 2.4;
  context.strokeStyle = colour;
  context.stroke(path);
}

const isNear = (x: number, y: number, view: View): boolean =>
  x > -MARGIN_PX && y > -MARGIN_PX && x < view.size.width + MARGIN_PX && y < view.size.height + MARGIN_PX;

export function drawMarks(
  context: CanvasRenderingContext2D,
  view: View,
  marks: readonly DrawnMark[],
  options: MarkOptions,
): void {
  const seen = marks
    .map((mark) => ({ mark, screen: toScreen(view, mark.at) }))
    .filter(({ screen }) => isNear(screen.x, screen.y, view));
  if (seen.length > MOST_SHAPES) {
    const xy = Float32Array.from(seen.flatMap(({ mark }) => [mark.at.x, mark.at.y]));
    const ones = new Float32Array(seen.length).fill(1);
    const points = { count: seen.length, xy, scores: ones, descending: ones };
    const bins = smoothed(countBins(points, 0, visibleBox(view), binSide(view.scale)));
    heatOfMarks.draw(context, view, bins, topDensity(bins));
    return;
  }
  const radius = seen.length > SMALLER_FROM ? MARK_RADIUS_PX * 0.6 : MARK_RADIUS_PX;
  const paths = new Map<MarkShape, Path2D>();
  context.save();
  context.lineJoin = "round";
  for (const { mark, screen } of seen) {
    const { shape } = options.styleOf(mark.classId);
    const path = paths.get(shape) ?? shapePath(shape, radius);
    paths.set(shape, path);
    const ratio = context.canvas.width / view.size.width;
    context.setTransform(ratio, 0, 0, ratio, screen.x * ratio, screen.y * ratio);
    context.globalAlpha = mark.mine ? 1 : 0.6;
    drawShape(context, mark, path, options);
  }
  context.restore();
}

/** The mark under a screen position: the nearest within reach, one's own before another person's. */
export function markAt(
  view: View,
  marks: readonly DrawnMark[],
  at: ImagePoint,
  reachPx = 12,
): DrawnMark | null {
  let best: DrawnMark | null = null;
  let bestDistance = reachPx;
  for (const mark of marks) {
    const distance = Math.hypot(mark.at.x - at.x, mark.at.y - at.y) * view.scale - (mark.mine ? 0.5 : 0);
    if (distance <= bestDistance) [best, bestDistance] = [mark, distance];
  }
  return best;
}
