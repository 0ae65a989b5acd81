/** How this person likes the viewer, kept in this browser. */

import { useSyncExternalStore } from "react";

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

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useViewerSettings = (): ViewerSettings => useSyncExternalStore(subscribe, () => settings);
