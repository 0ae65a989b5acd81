/** Scores of the points as bars over the slider: the ones that count are coloured. */

import { useMemo } from "react";

import { scoreHistogram, type Points } from "@/viewer/points";
import { detectWords as words } from "@/words/viewer";

import classes from "./detect.module.css";

const BINS = 48;
const HEIGHT = 56;

interface ScoreHistogramProps {
  readonly points: Points;
  readonly from: number;
  readonly threshold: number;
  readonly colour: string;
}

export function ScoreHistogram({ points, from, threshold, colour }: ScoreHistogramProps) {
  const { counts } = useMemo(() => scoreHistogram(points, from, 1, BINS), [points, from]);
  const tallest = Math.sqrt(Math.max(1, ...counts));
  const binOf = ((threshold - from) / (1 - from)) * BINS;
  return (
    <svg
      className={classes.histogram}
      viewBox={`0 0 ${BINS} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={words.histogram}
    >
      {counts.map((count, bin) => {
        const height = count === 0 ? 0 : Math.max(1.5, (Math.sqrt(count) / tallest) * HEIGHT);
        const isCounted = bin + 0.5 >= binOf;
        return (
          <rect
            key={bin}
            x={bin + 0.08}
            y={HEIGHT - height}
            width={0.84}
            height={height}
            fill={isCounted ? colour : "currentColor"}
            opacity={isCounted ? 0.9 : 0.28}
          />
        );
      })}
    </svg>
  );
}
