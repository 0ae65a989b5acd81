/** The view as a link: #x=…&y=…&zoom=…, and &turn=… and &stain=… where it is turned or one stain is shown, reopens it. */

import { imagePoint, normalTurn, type ImagePoint } from "./coordinates";
import { isStainChannel, type StainChannel } from "./stain";

/** A place on a slide, how large and how turned it is seen. */
export interface Place {
  readonly centre: ImagePoint;
  /** CSS pixels per level-0 pixel. */
  readonly scale: number;
  /** Degrees clockwise. */
  readonly rotation?: number;
}

export interface ViewLink extends Place {
  readonly rotation: number;
  readonly stain: StainChannel;
}

const SMALLEST = 1e-4;
const LARGEST = 1e3;

/** The parts of a link that tell one place; `suffix` tells the slides of a pair apart. */
export function placeToLink({ centre, scale, rotation = 0 }: Place, suffix = ""): Record<string, string> {
  const turn = Number(rotation.toFixed(1));
  return {
    [`x${suffix}`]: String(Math.round(centre.x)),
    [`y${suffix}`]: String(Math.round(centre.y)),
    [`zoom${suffix}`]: String(Number(scale.toPrecision(4))),
    ...(turn === 0 ? {} : { [`turn${suffix}`]: String(turn) }),
  };
}

/** Reads a place; what is not three sensible numbers is none. */
export function placeFromLink(values: URLSearchParams, suffix = ""): Required<Place> | null {
  const read = (name: string): number => Number(values.get(name + suffix) || NaN);
  const [x, y, scale] = [read("x"), read("y"), read("zoom")];
  if (![x, y, scale].every(Number.isFinite) || scale < SMALLEST || scale > LARGEST) return null;
  const turn = read("turn");
  return { centre: imagePoint(x, y), scale, rotation: Number.isFinite(turn) ? normalTurn(turn) : 0 };
}

export const linkValues = (hash: string): URLSearchParams => new URLSearchParams(hash.replace(/^#/, ""));

export function formatViewLink(place: Place, stain: StainChannel = "all"): string {
  const values = { ...placeToLink(place), ...(stain === "all" ? {} : { stain }) };
  return `#${new URLSearchParams(values).toString()}`;
}

/** Reads a link; anything that names no place is no view. */
export function parseViewLink(hash: string): ViewLink | null {
  const values = linkValues(hash);
  const place = placeFromLink(values);
  const stain = values.get("stain");
  return place && { ...place, stain: isStainChannel(stain) ? stain : "all" };
}
