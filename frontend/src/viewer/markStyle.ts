/** How a class of cells looks: colour, shape and the colours for people who do not tell red from green. */

export type MarkShape = "ring" | "cross" | "square" | "diamond";

export interface ClassStyle {
  readonly colour: string;
  readonly shape: MarkShape;
}

interface StyledClass {
  readonly id: number;
  readonly key: number | string;
  readonly colour: string;
  readonly shape: MarkShape;
}

/** Okabe and Ito's set: told apart with every common kind of colour vision. Source: jfly.uni-koeln.de/color. */
const COLOUR_BLIND_SET = [
  "#d55e00",
  "#0072b2",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#f0e442",
  "#000000",
  "#7a7a7a",
] as const;

export const SELECTED = "#ffe600";
const UNKNOWN: ClassStyle = { colour: "#808080", shape: "diamond" };

export type StyleOf = (classId: number) => ClassStyle;

export function colourOf(labelClass: StyledClass, isColourBlindSet: boolean): string {
  return isColourBlindSet
    ? (COLOUR_BLIND_SET[Number(labelClass.key) - 1] ?? labelClass.colour)
    : labelClass.colour;
}

export function styleLookup(classes: readonly StyledClass[], isColourBlindSet: boolean): StyleOf {
  const styles = new Map(
    classes.map(
      (item) => [item.id, { colour: colourOf(item, isColourBlindSet), shape: item.shape }] as const,
    ),
  );
  return (classId) => styles.get(classId) ?? UNKNOWN;
}
