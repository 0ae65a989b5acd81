/** How this person likes the viewer, kept in this browser. */

import { useSyncExternalStore } from "react";

import type { StainChannel } from "./stain";

export interface ViewerSettings {
  readonly isColourBlindSet: boolean;
  readonly isFilled: boolean;
  readonly showLabels: boolean;
  /** Over the labels: off at first, so that a count does not lead the eye. */
  readonly showDetections: boolean;
  /** On the detect page. */
  readonly showCells: boolean;
  readonly isOneClick: boolean;
  readonly isKeyboardOnly: boolean;
  readonly isGridShown: boolean;
  /** Side of the counting grid's squares in µm, or px where there is no scale; null: as fits the zoom. */
  readonly gridSide: number | null;
  readonly stain: StainChannel;
  /** Of the picture on screen only; 1 leaves it as it is. */
  readonly brightness: number;
  readonly contrast: number;
  readonly gamma: number;
  /** Two fingers on a trackpad pan; for a mouse the wheel zooms. */
  readonly isTrackpad: boolean;
  /** Two slides side by side move together. */
  readonly isInStep: boolean;
  /** The class chosen last, kept from slide to slide. */
  readonly classId: number | null;
}

const KEY = "tilscope-viewer";

const DEFAULTS: ViewerSettings = {
  isColourBlindSet: false,
  isFilled: false,
  showLabels: true,
  showDetections: false,
  showCells: true,
  isOneClick: false,
  isKeyboardOnly: false,
  isGridShown: false,
  gridSide: null,
  stain: "all",
  brightness: 1,
  contrast: 1,
  gamma: 1,
  isTrackpad: false,
  isInStep: true,
  classId: null,
};

function load(): ViewerSettings {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { ...DEFAULTS, ...(stored as Partial<ViewerSettings>) };
  } catch {
    return DEFAULTS;
  }
}

let settings = load();
const listeners = new Set<() => void>();

export function changeSettings(change: Partial<ViewerSettings>): void {
  settings = { ...settings, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser without storage forgets them with the tab.
  }
  listeners.forEach((listener) => listener());
}

export const viewerSettings = (): ViewerSettings => settings;

export function onSettings(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useViewerSettings = (): ViewerSettings => useSyncExternalStore(onSettings, viewerSettings);
