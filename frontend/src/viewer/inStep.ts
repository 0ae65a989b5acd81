/** Two slides side by side in step: what one shows tells what the other shows. Pure arithmetic. */

import { imagePoint, normalTurn, turned, type ImagePoint } from "./coordinates";
import type { Place } from "./viewLink";

/** How the right slide lies to the left one. */
export interface Step {
  /** A place on the left slide, and the one on the right that is shown at the same spot of its screen. */
  readonly left: ImagePoint;
  readonly right: ImagePoint;
  /** Pixels of the right slide per pixel of the left one over the same length. */
  readonly ratio: number;
  /** Degrees by which the right slide is turned further, clockwise. */
  readonly turn: number;
}

/** The same lengths on both sides where both scales are known, else pixel by pixel. */
export const ratioOf = (leftMpp: number | null, rightMpp: number | null): number =>
  leftMpp && rightMpp ? leftMpp / rightMpp : 1;

/** Takes what both show now for the same place. */
export const stepBetween = (left: Place, right: Place, ratio: number): Step => ({
  left: left.centre,
  right: right.centre,
  ratio,
  turn: normalTurn((right.rotation ?? 0) - (left.rotation ?? 0)),
});

/** What the right slide shows when the left one shows this. */
export function toRight({ left, right, ratio, turn }: Step, { centre, scale, rotation = 0 }: Place): Place {
  const away = turned({ x: (centre.x - left.x) * ratio, y: (centre.y - left.y) * ratio }, -turn);
  return {
    centre: imagePoint(right.x + away.x, right.y + away.y),
    scale: scale / ratio,
    rotation: normalTurn(rotation + turn),
  };
}

/** What the left slide shows when the right one shows this. */
export const toLeft = ({ left, right, ratio, turn }: Step, place: Place): Place =>
  toRight({ left: right, right: left, ratio: 1 / ratio, turn: -turn }, place);
