/** Draws the points of a detection run: each cell while they can be told apart, their density when not. */

import {
  imagePoint,
  isOnScreen,
  shownShare,
  toScreen,
  turned,
  visibleBox,
  type ImageBox,
  type Size,
  type View,
} from "./coordinates";
import type { DensityMap } from "./density";
import type { HeatPainter } from "./drawHeat";
import { countAtLeast, countInBox, pointsInBox, type Points, type RangeQuery, type Wanted } from "./points";

export type PointsMode = "auto" | "points" | "density";

export interface PointsOptions {
  readonly threshold: number;
  readonly colour: string;
  readonly isFilled: boolean;
  readonly mode: PointsMode;
  readonly query: RangeQuery | null;
  readonly image: Size;
  readonly density: DensityMap;
  readonly heat: HeatPainter;
}

/** What was drawn, for the line that says so. */
export interface PointsDrawn {
  readonly kind: "points" | "density";
  readonly shown: number;
  readonly total: number;
  /** Points per level-0 pixel² in the strongest colour. */
  readonly topPerPx: number | null;
}

export const SAMPLE = 20_000;
/** One point per this many CSS pixels²: closer than that they run into one another. */
const CROWDED_PX2 = 110;
/** From the first zoom on cells begin to be shown however many there are; at the second each can be judged. */
const CELLS_FROM_SCALE = [0.3, 0.5] as const;
const INDEX_SHARE = 0.1;

export function drawPoints(
  context: CanvasRenderingContext2D,
  view: View,
  points: Points,
  options: PointsOptions,
): void {
  const { density, heat, image } = options;
  const box = visibleBox(view);
  const area = screenArea(view, image);
  const total = density.estimate(box);
  const cells = cellsShare(options.mode, total / (area / CROWDED_PX2), view.scale);
  context.save();
  if (cells < 1) {
    context.save();
    context.globalAlpha = 1 - cells;
    clipToSlide(context, view, image);
    heat.draw(context, view, density.around(box, view.scale), density.topPerPx);
    context.restore();
  }
  if (cells > 0) {
    context.globalAlpha = cells;
    const radius = dotRadius(area / Math.max(1, Math.min(total, SAMPLE)), options.isFilled);
    drawDots(
      context,
      view,
      points,
      pointsInBox(points, wantedOf(view, options, box), SAMPLE),
      radius,
      options,
    );
  }
  context.restore();
}

/** Says what `drawPoints` draws, with the exact numbers: too much for every frame of a million points. */
export function pointsDrawn(view: View, points: Points, options: PointsOptions): PointsDrawn {
  const { density, image, mode, threshold } = options;
  const box = visibleBox(view);
  const isWhole = shownShare(view, image) > 1 - 1e-9;
  const total = isWhole ? countAtLeast(points, threshold) : countInView(view, points, options);
  const crowding = density.estimate(box) / (screenArea(view, image) / CROWDED_PX2);
  if (cellsShare(mode, crowding, view.scale) < 0.5) {
    return { kind: "density", shown: total, total, topPerPx: density.topPerPx };
  }
  return { kind: "points", shown: Math.min(total, SAMPLE), total, topPerPx: null };
}

function countInView(view: View, points: Points, options: PointsOptions): number {
  const wanted = wantedOf(view, options, visibleBox(view));
  if (!view.rotation) return countInBox(points, wanted);
  return countInBox(points, wanted, (x, y) => isOnScreen(view, imagePoint(x, y)));
}

/** The last bins reach beyond the slide. */
function clipToSlide(context: CanvasRenderingContext2D, view: View, { width, height }: Size): void {
  context.beginPath();
  for (const [x, y] of [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ] as const) {
    const corner = toScreen(view, imagePoint(x, y));
    context.lineTo(corner.x, corner.y);
  }
  context.clip();
}

function wantedOf(view: View, { threshold, query, image }: PointsOptions, box: ImageBox): Wanted {
  return { box, threshold, query: shownShare(view, image) < INDEX_SHARE ? query : null };
}

function screenArea(view: View, image: Size): number {
  const width = Math.min(view.size.width, image.width * view.scale);
  return width * Math.min(view.size.height, image.height * view.scale);
}

const between = (value: number, from: number, to: number): number =>
  Math.min(1, Math.max(0, (value - from) / (to - from)));

/** How much of the picture is single cells, 0 to 1; the rest is density. In between one fades into the other. */
export function cellsShare(mode: PointsMode, crowding: number, scale: number): number {
  if (mode !== "auto") return mode === "points" ? 1 : 0;
  const asTheyFit = 1 - between(Math.log2(Math.max(crowding, 1e-6)), -0.5, 0.5);
  return Math.max(asTheyFit, between(Math.log2(scale), ...logs(CELLS_FROM_SCALE)));
}

const logs = ([from, to]: readonly [number, number]): [number, number] => [Math.log2(from), Math.log2(to)];

/** The closer the dots lie, the smaller they are; in quarters of a pixel. */
export function dotRadius(px2PerDot: number, isFilled: boolean): number {
  const radius = 0.28 * Math.sqrt(px2PerDot) - 1.4;
  return Math.round(4 * Math.min(isFilled ? 3 : 5, Math.max(1.4, radius))) / 4;
}

const RING_FROM = 3.25;
const HALO_PX = 1.1;

interface Dot {
  readonly key: string;
  readonly canvas: HTMLCanvasElement;
  /** Side in CSS pixels. */
  readonly side: number;
}

let lastDot: Dot | null = null;

/** A dot drawn once, to be stamped many times: a path of ten thousand arcs takes a browser tenths of a second. */
function dotOf(radius: number, { colour, isFilled }: PointsOptions): Dot {
  const ratio = window.devicePixelRatio || 1;
  const isRing = !isFilled && radius >= RING_FROM;
  const key = `${radius} ${isRing} ${colour} ${ratio}`;
  if (lastDot?.key === key) return lastDot;
  const side = 2 * Math.ceil(radius + HALO_PX + 1);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.ceil(side * ratio);
  const context = canvas.getContext("2d");
  if (context) {
    context.scale(ratio, ratio);
    context.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
    context.strokeStyle = "rgba(255, 255, 255, 0.9)";
    context.lineWidth = 2 * HALO_PX + (isRing ? 2 : 0);
    context.stroke();
    context.lineWidth = 2;
    context.strokeStyle = context.fillStyle = colour;
    if (isRing) context.stroke();
    else context.fill();
  }
  lastDot = { key, canvas, side };
  return lastDot;
}

function drawDots(
  context: CanvasRenderingContext2D,
  view: View,
  { xy }: Points,
  shown: Uint32Array,
  radius: number,
  options: PointsOptions,
): void {
  const { canvas, side } = dotOf(radius, options);
  const origin = toScreen(view, imagePoint(0, 0));
  const [left, top] = [origin.x - side / 2, origin.y - side / 2];
  const { x: along, y: across } = turned({ x: view.scale, y: 0 }, view.rotation ?? 0);
  for (const i of shown) {
    const [x, y] = [xy[2 * i]!, xy[2 * i + 1]!];
    context.drawImage(canvas, left + x * along - y * across, top + x * across + y * along, side, side);
  }
}
