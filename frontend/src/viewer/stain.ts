/**
 * Haematoxylin and DAB seen apart: colour deconvolution of 8-bit RGB.
 *
 * Source: Ruifrok and Johnston, "Quantification of histochemical staining by color deconvolution", 2001; the same vectors
 * and the same densities as `detection/nn/stain.py`.
 */

export type StainChannel = "all" | "haematoxylin" | "dab";
export type Rgb = readonly [red: number, green: number, blue: number];

export const STAIN_CHANNELS: readonly StainChannel[] = ["all", "haematoxylin", "dab"];
export const isStainChannel = (name: string | null): name is StainChannel =>
  STAIN_CHANNELS.some((known) => known === name);

/** Optical densities of pure haematoxylin, eosin and DAB in red, green and blue. */
const STAINS: readonly [Rgb, Rgb, Rgb] = [
  [0.65, 0.7, 0.29],
  [0.07, 0.99, 0.11],
  [0.27, 0.57, 0.78],
];

const cross = (a: Rgb, b: Rgb): Rgb => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const dot = (a: Rgb, b: Rgb): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

interface Separation {
  /** What the stain absorbs in each channel. */
  readonly vector: Rgb;
  /** Weights of the three optical densities in the density of this stain: a column of the inverse matrix. */
  readonly weights: Rgb;
}

function separationOf(stain: Exclude<StainChannel, "all">): Separation {
  const [haematoxylin, eosin, dab] = STAINS;
  const [vector, others] =
    stain === "dab" ? [dab, cross(haematoxylin, eosin)] : [haematoxylin, cross(eosin, dab)];
  const length = dot(vector, others);
  return { vector, weights: [others[0] / length, others[1] / length, others[2] / length] };
}

const SEPARATIONS = { haematoxylin: separationOf("haematoxylin"), dab: separationOf("dab") };

/** Base-10 optical density of a byte; 0 for white. */
const opticalDensity = (byte: number): number => -Math.log10((byte + 1) / 256);

/** Density of one stain in a colour; may be negative where there is none. */
export function stainDensity(stain: Exclude<StainChannel, "all">, colour: Rgb): number {
  const { weights } = SEPARATIONS[stain];
  return dot(weights, colour.map(opticalDensity) as unknown as Rgb);
}

const STEPS_PER_OD = 512;
const MOST_OD = 4;

interface Tables {
  /** Density in steps by byte, one table per channel. */
  readonly steps: readonly [Float32Array, Float32Array, Float32Array];
  /** Colour by step, three bytes each. */
  readonly colours: Uint8ClampedArray;
}

function tablesOf(stain: Exclude<StainChannel, "all">): Tables {
  const { vector, weights } = SEPARATIONS[stain];
  const stepsOf = (weight: number): Float32Array =>
    Float32Array.from({ length: 256 }, (_, byte) => weight * opticalDensity(byte) * STEPS_PER_OD);
  const colours = new Uint8ClampedArray(3 * (MOST_OD * STEPS_PER_OD + 1));
  for (let i = 0; i < colours.length; i += 1)
    colours[i] = 256 * 10 ** ((-vector[i % 3]! * Math.floor(i / 3)) / STEPS_PER_OD) - 1;
  return { steps: [stepsOf(weights[0]), stepsOf(weights[1]), stepsOf(weights[2])], colours };
}

const cache = new Map<string, Tables>();

/** Paints RGBA pixels over as if the tissue had been stained with this one stain only. */
export function showStain(pixels: Uint8ClampedArray, stain: Exclude<StainChannel, "all">): void {
  const tables = cache.get(stain) ?? tablesOf(stain);
  cache.set(stain, tables);
  const [[red, green, blue], colours] = [tables.steps, tables.colours];
  const most = MOST_OD * STEPS_PER_OD;
  // The loop of 65,536 steps a tile: look-ups only.
  for (let i = 0; i < pixels.length; i += 4) {
    const density = red[pixels[i]!]! + green[pixels[i + 1]!]! + blue[pixels[i + 2]!]!;
    const at = 3 * Math.min(most, Math.max(0, Math.round(density)));
    pixels[i] = colours[at]!;
    pixels[i + 1] = colours[at + 1]!;
    pixels[i + 2] = colours[at + 2]!;
  }
}

/** What a colour becomes. */
export function stainColour(stain: Exclude<StainChannel, "all">, colour: Rgb): Rgb {
  const pixels = Uint8ClampedArray.of(...colour, 255);
  showStain(pixels, stain);
  return [pixels[0]!, pixels[1]!, pixels[2]!];
}
