/** What the network learns while it learns: loss, and the scores on patches it does not train on. */

import { useMemo } from "react";

import type { CurvePoint } from "@/api/types";
import { formatNumber } from "@/format";
import { words } from "@/words";

import { Chart, type Line } from "./Chart";
import classes from "./Curves.module.css";

const text = words.training;
const percent = (value: number): string => `${formatNumber(100 * value, 1)}\u202f%`;
const loss = (value: number): string => formatNumber(value, 3);

/** Scores near the top are what matters; a bad start still fits, and a line of full marks stands clear of the edge. */
function scoreRange(lines: readonly Line[]): [number, number] {
  const lowest = Math.min(1, ...lines.flatMap(({ values }) => values.filter((value) => value !== null)));
  const low = Math.max(0, Math.min(0.5, Math.floor(lowest * 10) / 10));
  return [low, 1 + 0.03 * (1 - low)];
}

/** From nought, so that the eye reads the fall as it is. */
function lossRange([line]: readonly Line[]): [number, number] {
  const highest = Math.max(0, ...(line?.values ?? []).filter((value) => value !== null));
  return [0, highest > 0 ? highest * 1.08 : 1];
}

function scoreLines(curve: readonly CurvePoint[]): Line[] {
  return [
    { name: text.accuracy, colour: "--series-1", values: curve.map(({ accuracy }) => accuracy) },
    {
      name: text.precision,
      colour: "--series-2",
      dash: [8, 4],
      values: curve.map(({ precision }) => precision),
    },
    { name: text.recall, colour: "--series-3", dash: [2, 4], values: curve.map(({ recall }) => recall) },
  ];
}

export function Curves({ curve }: { curve: readonly CurvePoint[] }) {
  const steps = useMemo(() => curve.map(({ step }) => step), [curve]);
  const losses = useMemo(
    (): Line[] => [{ name: text.loss, colour: "--series-1", values: curve.map((point) => point.loss) }],
    [curve],
  );
  const scores = useMemo(() => scoreLines(curve), [curve]);
  if (curve.length === 0) return <p className={classes.empty}>{text.chartEmpty}</p>;
  return (
    <div className={classes.root}>
      <Chart
        title={text.lossTitle}
        label={text.lossChart}
        steps={steps}
        lines={losses}
        format={loss}
        range={lossRange(losses)}
      />
      <Chart
        title={text.scoreTitle}
        label={text.scoreChart}
        steps={steps}
        lines={scores}
        format={percent}
        range={scoreRange(scores)}
      />
    </div>
  );
}
