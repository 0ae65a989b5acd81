/** The open slide: wraps OpenSeadragon and speaks only of image points, screen points and views. */

import OpenSeadragon from "openseadragon";

import {
  imagePoint,
  normalTurn,
  screenPoint,
  toImage,
  toScreen,
  type ImagePoint,
  type ScreenPoint,
  type Size,
  type View,
} from "./coordinates";
import { showStain, type Rgb, type StainChannel } from "./stain";
import { slideTiles } from "./tileSource";
import type { Place } from "./viewLink";

/** A press, click or drag on the slide. `claim` keeps the viewer from panning with it. */
export interface Gesture {
  readonly at: ImagePoint;
  readonly screen: ScreenPoint;
  readonly view: View;
  readonly claim: () => void;
}

export interface GestureHandlers {
  readonly onClick?: (gesture: Gesture) => void;
  readonly onDoubleClick?: (gesture: Gesture) => void;
  readonly onPress?: (gesture: Gesture) => void;
  readonly onDrag?: (gesture: Gesture) => void;
  readonly onDragEnd?: (gesture: Gesture) => void;
}

interface RawGesture {
  position: OpenSeadragon.Point;
  preventDefaultAction?: boolean;
}

const ZOOM_STEP = 1.4;
/** How much a pinch on a trackpad zooms: one doubling per this many pixels of its wheel. */
const PINCH_PX_PER_DOUBLING = 70;
/** Two fingers that zoom are never quite straight: only beyond this do they turn the slide. */
const LEAST_TWIST_DEG = 12;
const MOST_SCREEN_PX = 16;

/** OpenSeadragon writes a style element into the page unless it finds its own: an inert one keeps the policy whole. */
function keepStyleOut(): void {
  if (document.querySelector("style[data-openseadragon-mobile-css]")) return;
  const inert = document.createElementNS(null, "style");
  inert.setAttribute("data-openseadragon-mobile-css", "true");
  document.head.appendChild(inert);
}

const GESTURES = {
  clickToZoom: false,
  dblClickToZoom: false,
  dblClickDragToZoom: false,
  flickEnabled: false,
};

function options(element: HTMLElement, slideId: number, size: Size): OpenSeadragon.Options {
  return {
    element,
    tileSources: slideTiles(slideId, size) as unknown as OpenSeadragon.TileSourceOptions,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: false,
    keyboardNavEnabled: false,
    tabIndex: -1,
    animationTime: 0.3,
    springStiffness: 9,
    zoomPerScroll: 1.25,
    visibilityRatio: 0.25,
    minZoomImageRatio: 0.7,
    maxZoomPixelRatio: MOST_SCREEN_PX,
    imageSmoothingEnabled: true,
    preserveImageSizeOnResize: true,
    imageLoaderLimit: 6,
    maxImageCacheCount: 400,
    gestureSettingsMouse: { ...GESTURES, scrollToZoom: true },
    gestureSettingsTouch: { ...GESTURES, pinchToZoom: true },
    gestureSettingsPen: GESTURES,
    gestureSettingsUnknown: GESTURES,
  } as OpenSeadragon.Options;
}

let lastRead: {
  readonly key: string;
  readonly pixels: Promise<CanvasRenderingContext2D | undefined>;
} | null = null;

/** The pixels of a tile as it came, kept until another one is asked for. */
function pixelsOf(tile: OpenSeadragon.Tile): Promise<CanvasRenderingContext2D | undefined> {
  const key = tile.originalCacheKey;
  if (lastRead?.key !== key) {
    const pixels = tile.getCache(key).getDataAs("context2d", true) as Promise<
      CanvasRenderingContext2D | undefined
    >;
    lastRead = { key, pixels };
  }
  return lastRead.pixels;
}

export class SlideView {
  handlers: GestureHandlers = {};
  /** A tool that is in hand comes before the page's own handlers. */
  tool: GestureHandlers | null = null;
  /** Two fingers on a trackpad pan instead of zooming, as a wheel does. */
  wheelPans = false;
  private readonly viewer: OpenSeadragon.Viewer;
  private readonly listeners = new Set<() => void>();
  private view: View | null = null;
  private channel: StainChannel = "all";
  private drawn: readonly OpenSeadragon.Tile[] = [];
  private failedTiles = 0;
  /** What two fingers did since the first of them touched: their direction, and how far it has turned. */
  private fingers: { readonly angle: number; readonly twist: number } | null = null;

  constructor(
    private readonly element: HTMLElement,
    slideId: number,
    readonly size: Size,
    initial: Place | null,
  ) {
    keepStyleOut();
    this.viewer = new OpenSeadragon.Viewer(options(element, slideId, size));
    this.viewer.addHandler("open", () => {
      if (initial) this.show(initial, true);
      this.refresh();
    });
    for (const event of ["update-viewport", "resize"] as const)
      this.viewer.addHandler(event, () => this.refresh());
    this.viewer.addHandler("tile-load-failed", () => {
      this.failedTiles += 1;
      this.emit();
    });
    this.listenToGestures();
    this.listenToTiles();
    element.addEventListener("wheel", this.onWheel, { capture: true, passive: false });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What is on screen now, or null before the slide has opened. */
  readonly getView = (): View | null => this.view;

  /** Told whenever anything was drawn, new tiles included. */
  readonly subscribeDrawn = (listener: () => void): (() => void) => {
    this.viewer.addHandler("tiled-image-drawn", listener);
    return () => this.viewer.removeHandler("tiled-image-drawn", listener);
  };

  readonly getFailedTiles = (): number => this.failedTiles;

  show(place: Place, immediately = false): void {
    if (!this.place(place, immediately)) return;
    this.viewer.viewport.applyConstraints(immediately);
  }

  /** As `show`, wherever that is: another slide may go on where this one has ended. */
  place({ centre, scale, rotation }: Place, immediately = true): boolean {
    const { viewport } = this.viewer;
    if (!viewport || !this.viewer.isOpen()) return false;
    if (rotation !== undefined) viewport.rotateTo(rotation, undefined, immediately);
    viewport.zoomTo(this.zoomOf(scale), undefined, immediately);
    viewport.panTo(this.toViewport(centre), immediately);
    return true;
  }

  /** Turns the slide clockwise about the middle of the screen. */
  turnBy(degrees: number): void {
    this.turnTo(this.viewer.viewport.getRotation() + degrees);
  }

  turnTo(degrees: number): void {
    this.viewer.viewport.rotateTo(normalTurn(degrees));
    this.viewer.viewport.applyConstraints();
  }

  /** Shows the slide as it is, or one stain alone. */
  showChannel(channel: StainChannel): void {
    if (channel === this.channel) return;
    this.channel = channel;
    if (this.viewer.isOpen()) void this.viewer.requestInvalidate();
  }

  /** The colour of the slide itself at a point, as it is on screen: of the tile that is shown there, before any stain. */
  async colourAt(point: ImagePoint): Promise<Rgb | null> {
    const at = this.toViewport(point);
    const tile = this.drawn
      .filter(({ loaded, bounds }) => loaded && bounds.containsPoint(at))
      .reduce<OpenSeadragon.Tile | null>((best, one) => (best && best.level >= one.level ? best : one), null);
    if (!tile) return null;
    const context = await pixelsOf(tile);
    if (!context) return null;
    const { width, height } = context.canvas;
    const x = Math.min(width - 1, Math.floor(((at.x - tile.bounds.x) / tile.bounds.width) * width));
    const y = Math.min(height - 1, Math.floor(((at.y - tile.bounds.y) / tile.bounds.height) * height));
    const [red, green, blue] = context.getImageData(x, y, 1, 1).data;
    return [red!, green!, blue!];
  }

  panTo(centre: ImagePoint, immediately = false): void {
    this.viewer.viewport?.panTo(this.toViewport(centre), immediately);
  }

  panBy(screenPx: ScreenPoint, immediately = false): void {
    const { viewport } = this.viewer;
    const step = viewport.deltaPointsFromPixels(new OpenSeadragon.Point(screenPx.x, screenPx.y));
    viewport.panBy(step, immediately);
    viewport.applyConstraints(immediately);
  }

  /** Zooms to CSS pixels per image pixel, about the middle of the screen. */
  zoomTo(scale: number): void {
    this.viewer.viewport.zoomTo(this.zoomOf(scale));
    this.viewer.viewport.applyConstraints();
  }

  zoomIn(): void {
    this.viewer.viewport.zoomBy(ZOOM_STEP);
    this.viewer.viewport.applyConstraints();
  }

  zoomOut(): void {
    this.viewer.viewport.zoomBy(1 / ZOOM_STEP);
    this.viewer.viewport.applyConstraints();
  }

  fit(): void {
    this.viewer.viewport.goHome();
  }

  /** Brings a point into view, at least at this scale; does nothing more if it is well inside already. */
  reveal(point: ImagePoint, leastScale: number): void {
    this.show({ centre: point, scale: Math.max(leastScale, this.view?.scale ?? 0) });
  }

  /** Moves the view just as far as is needed to keep a point away from its edges. */
  follow(point: ImagePoint, marginPx: number): void {
    if (!this.view) return;
    const at = toScreen(this.view, point);
    const { width, height } = this.view.size;
    const beyond = (value: number, extent: number): number =>
      Math.min(0, value - marginPx) + Math.max(0, value - (extent - marginPx));
    const [dx, dy] = [beyond(at.x, width), beyond(at.y, height)];
    if (dx !== 0 || dy !== 0) this.panBy(screenPoint(dx, dy));
  }

  destroy(): void {
    this.element.removeEventListener("wheel", this.onWheel, { capture: true });
    this.listeners.clear();
    this.viewer.destroy();
  }

  private listenToGestures(): void {
    const pass = (name: keyof GestureHandlers) => (event: unknown) => {
      const raw = event as RawGesture & { quick?: boolean };
      if (!this.view || (name === "onClick" && raw.quick === false)) return;
      const screen = screenPoint(raw.position.x, raw.position.y);
      const claim = (): void => {
        raw.preventDefaultAction = true;
      };
      (this.tool ?? this.handlers)[name]?.({
        at: toImage(this.view, screen),
        screen,
        view: this.view,
        claim,
      });
    };
    this.viewer.addHandler("canvas-click", pass("onClick"));
    this.viewer.addHandler("canvas-double-click", pass("onDoubleClick"));
    this.viewer.addHandler("canvas-press", pass("onPress"));
    this.viewer.addHandler("canvas-drag", pass("onDrag"));
    this.viewer.addHandler("canvas-drag-end", pass("onDragEnd"));
    this.viewer.addHandler("canvas-press", () => {
      this.fingers = null;
    });
    this.viewer.addHandler("canvas-pinch", this.onPinch);
  }

  /** OpenSeadragon's own turning counts the fingers' steps twice, once for the move of either. */
  private readonly onPinch = ({ gesturePoints, center }: OpenSeadragon.CanvasPinchEvent): void => {
    const angle = angleOf(gesturePoints);
    const turn = this.fingers ? normalTurn(angle - this.fingers.angle) : 0;
    this.fingers = { angle, twist: (this.fingers?.twist ?? 0) + turn };
    if (Math.abs(this.fingers.twist) < LEAST_TWIST_DEG) return;
    const { viewport } = this.viewer;
    viewport.rotateTo(viewport.getRotation(true) + turn, viewport.pointFromPixel(center, true), true);
  };

  private listenToTiles(): void {
    this.viewer.addHandler("tile-invalidated", async ({ getData, setData }) => {
      const { channel } = this;
      if (channel === "all") return;
      const context = (await getData("context2d")) as CanvasRenderingContext2D | undefined;
      if (!context) return;
      const { width, height } = context.canvas;
      const image = context.getImageData(0, 0, width, height);
      showStain(image.data, channel);
      context.putImageData(image, 0, 0);
      await setData(context, "context2d");
    });
    this.viewer.addHandler("tiled-image-drawn", ({ tiles }) => {
      this.drawn = tiles;
    });
  }

  /** A pinch on a trackpad comes as a wheel with Ctrl, in many small steps. */
  private readonly onWheel = (event: WheelEvent): void => {
    const isPinch = event.ctrlKey && event.deltaMode === WheelEvent.DOM_DELTA_PIXEL;
    const { viewport } = this.viewer;
    if (!viewport || (!isPinch && !this.wheelPans)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!isPinch) {
      this.panBy(screenPoint(event.deltaX, event.deltaY), true);
      return;
    }
    const box = this.element.getBoundingClientRect();
    const at = new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top);
    viewport.zoomBy(2 ** (-event.deltaY / PINCH_PX_PER_DOUBLING), viewport.pointFromPixel(at, true), true);
    viewport.applyConstraints(true);
  };

  private refresh(): void {
    const { viewport } = this.viewer;
    if (!viewport || !this.viewer.isOpen()) return;
    const container = viewport.getContainerSize();
    const centre = viewport.getCenter(true);
    const next: View = {
      centre: imagePoint(centre.x * this.size.width, centre.y * this.size.width),
      scale: (viewport.getZoom(true) * container.x) / this.size.width,
      size: { width: container.x, height: container.y },
      rotation: normalTurn(viewport.getRotation(true)),
    };
    if (this.view && isSameView(this.view, next)) return;
    this.view = next;
    this.emit();
  }

  private emit(): void {
    this.listeners.forEach((listener) => listener());
  }

  private zoomOf(scale: number): number {
    return (scale * this.size.width) / this.viewer.viewport.getContainerSize().x;
  }

  private toViewport(point: ImagePoint): OpenSeadragon.Point {
    return new OpenSeadragon.Point(point.x / this.size.width, point.y / this.size.width);
  }
}

/** The direction from one finger to the other, degrees. */
function angleOf([first, second]: OpenSeadragon.GesturePoint[]): number {
  const { x, y } = first!.currentPos.minus(second!.currentPos);
  return (Math.atan2(y, x) * 180) / Math.PI;
}

function isSameView(a: View, b: View): boolean {
  return (
    a.scale === b.scale &&
    a.rotation === b.rotation &&
    a.centre.x === b.centre.x &&
    a.centre.y === b.centre.y &&
    a.size.width === b.size.width &&
    a.size.height === b.size.height
  );
}
