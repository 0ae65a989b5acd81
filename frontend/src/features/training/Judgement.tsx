/** The model over all thresholds, on the test patches: ROC, precision and recall, calibration. */

import { useMemo } from "react";

import type { JudgeScores, Scores } from "@/api/types";
import { formatNumber, formatThreshold } from "@/format";
import { words } from "@/words";

import { Chart, type Line } from "./Chart";
import classes from "./Judgement.module.css";

const text = words.training;
const SHARE: readonly [number, number] = [0, 1];
const share = (value: number): string => formatNumber(value, 2);
const figure = (value: number | null): string =>
  value === null ? words.common.none : formatNumber(value, 3);

interface Curve {
  readonly x: readonly number[];
  readonly lines: readonly Line[];
}

/** Puts the operating point onto a rising curve. */
function withMark(x: readonly number[], y: readonly number[], mark: readonly [number, number]): Curve {
  const found = x.findIndex((value) => value > mark[0]);
  const at = found < 0 ? x.length : found;
  const into = <T,>(values: readonly T[], value: T): T[] => [
    ...values.slice(0, at),
    value,
    ...values.slice(at),
  ];
  const nothing = x.map(() => null);
  return {
    x: into(x, mark[0]),
    lines: [
      { name: text.testSet, colour: "--series-1", values: into<number | null>(y, null) },
      {
        name: text.thresholdName,
        colour: "--series-2",
        isDot: true,
        values: into<number | null>(nothing, mark[1]),
      },
    ],
  };
}

const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);

function rocOf({ roc }: JudgeScores, { confusion, recall }: Scores): Curve {
  const [tn = 0, fp = 0] = confusion[0] ?? [];
  return withMark(roc.fpr, roc.tpr, [ratio(fp, fp + tn), recall]);
}

function calibrationOf({ calibration: { bins } }: JudgeScores): Curve {
  const framed = (values: number[]): (number | null)[] => [null, ...values, null];
  const edge = { colour: "--series-1", dash: [3, 4], isThin: true };
  const lines: Line[] = [
    { name: text.testSet, colour: "--series-1", values: framed(bins.map(({ found }) => found)) },
    { ...edge, name: text.interval, values: framed(bins.map(({ interval }) => interval[0] ?? 0)) },
    { ...edge, name: text.intervalTop, values: framed(bins.map(({ interval }) => interval[1] ?? 1)) },
    { name: text.ideal, colour: "--ink-soft", isThin: true, values: [0, ...bins.map(({ said }) => said), 1] },
  ];
  return { x: [0, ...bins.map(({ said }) => said), 1], lines };
}

interface FigureProps {
  title: string;
  label: string;
  curve: Curve;
  notes: Record<string, string>;
}

function Figure({ title, label, curve, notes }: FigureProps) {
  return (
    <Chart
      title={title}
      label={label}
      steps={curve.x}
      lines={curve.lines}
      format={share}
      range={SHARE}
      stepRange={SHARE}
      formatStep={share}
      notes={notes}
    />
  );
}

export function Judgement({ judged, scores }: { judged: JudgeScores; scores: Scores }) {
  const roc = useMemo(() => rocOf(judged, scores), [judged, scores]);
  const pr = useMemo(() => {
    const { recall, precision } = judged.precision_recall;
    return withMark(recall, precision, [scores.recall, scores.precision]);
  }, [judged, scores]);
  const calibration = useMemo(() => calibrationOf(judged), [judged]);
  const mark = { [text.thresholdName]: formatThreshold(judged.threshold) };
  return (
    <div className={classes.root}>
      <Figure
        title={text.rocTitle}
        label={text.rocChart}
        curve={roc}
        notes={{ [text.testSet]: text.rocCurve(figure(judged.auc)), ...mark }}
      />
      <Figure
        title={text.prTitle}
        label={text.prChart}
        curve={pr}
        notes={{ [text.testSet]: text.prCurve(figure(judged.average_precision)), ...mark }}
      />
      <Figure
        title={text.calibrationTitle}
        label={text.calibrationChart}
        curve={calibration}
        notes={{
          [text.testSet]: text.calibrationCurve(figure(judged.calibration.expected_error)),
          [text.interval]: "",
          [text.ideal]: "",
        }}
      />
    </div>
  );
}
