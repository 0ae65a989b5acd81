/** Brightness, contrast and gamma of the picture as one curve per channel. */

export interface Picture {
  readonly brightness: number;
  readonly contrast: number;
  readonly gamma: number;
}

export const AS_IT_IS: Picture = { brightness: 1, contrast: 1, gamma: 1 };

export const isAsItIs = ({ brightness, contrast, gamma }: Picture): boolean =>
  brightness === 1 && contrast === 1 && gamma === 1;

/** The curve amplitude · value^exponent + offset, values from 0 to 1; contrast turns about middle grey. */
export interface Curve {
  readonly amplitude: number;
  readonly exponent: number;
  readonly offset: number;
}

export const curveOf = ({ brightness, contrast, gamma }: Picture): Curve => ({
  amplitude: brightness * contrast,
  exponent: 1 / gamma,
  offset: (1 - contrast) / 2,
});
