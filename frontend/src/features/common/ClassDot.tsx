/** The colour and shape of a class, so that colour is never the only sign. */

import type { LabelClass } from "@/api/types";

export function ClassDot({ of, size = 12 }: { of: Pick<LabelClass, "colour" | "shape">; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <g fill="none" stroke={of.colour} strokeWidth="3.2" strokeLinejoin="round" strokeLinecap="round">
        {of.shape === "ring" && <circle cx="10" cy="10" r="7" />}
        {of.shape === "square" && <rect x="3.5" y="3.5" width="13" height="13" />}
        {of.shape === "diamond" && <path d="M10 2 18 10 10 18 2 10Z" />}
        {of.shape === "cross" && <path d="M4 4 16 16M16 4 4 16" />}
      </g>
    </svg>
  );
}
