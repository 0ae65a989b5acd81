/** The marker of a class as a small picture: the same shape and colour as on the slide. */

import type { ClassStyle } from "./markStyle";

interface ShapeIconProps extends ClassStyle {
  readonly size?: number;
  readonly isFilled?: boolean;
}

export function ShapeIcon({ colour, shape, size = 18, isFilled = false }: ShapeIconProps) {
  const fill = isFilled ? colour : "none";
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <g fill={fill} stroke={colour} strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round">
        {shape === "ring" && <circle cx="10" cy="10" r="7" />}
        {shape === "square" && <rect x="3.5" y="3.5" width="13" height="13" />}
        {shape === "diamond" && <path d="M10 2 18 10 10 18 2 10Z" />}
        {shape === "cross" && <path d="M4 4 16 16M16 4 4 16" />}
      </g>
    </svg>
  );
}
