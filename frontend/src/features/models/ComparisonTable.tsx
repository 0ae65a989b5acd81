/** Two models on the same patches: each score with its interval, and the difference. */

import { VisuallyHidden } from "@mantine/core";

import type { Comparison, ComparisonResult, Interval } from "@/api/types";
import { formatShare } from "@/format";
import { words } from "@/words";

import classes from "./Comparison.module.css";

const text = words.models.comparison;
const NAMES = ["accuracy", "precision", "recall", "f1"] as const;

const signed = (value: number): string => `${value > 0 ? "+" : ""}${formatShare(value)}`;

function Cell({ interval, format }: { interval: Interval; format: (value: number) => string }) {
  return (
    <td>
      <strong>{format(interval.value)}</strong>
      <span>{text.interval(format(interval.low), format(interval.high))}</span>
    </td>
  );
}

interface Props {
  comparison: Comparison;
  result: ComparisonResult;
}

export function ComparisonTable({ comparison, result }: Props) {
  const { candidate, current } = comparison;
  return (
    <table className={classes.table}>
      <VisuallyHidden component="caption">{text.caption}</VisuallyHidden>
      <thead>
        <tr>
          <th scope="col">{text.score}</th>
          <th scope="col">{words.models.model(candidate.number)}</th>
          <th scope="col">
            {words.models.model(current.number)}, {text.current}
          </th>
          <th scope="col">{text.difference}</th>
        </tr>
      </thead>
      <tbody>
        {NAMES.map((name) => (
          <tr key={name}>
            <th scope="row">{words.training[name]}</th>
            <Cell interval={result.candidate.intervals[name]} format={formatShare} />
            <Cell interval={result.current.intervals[name]} format={formatShare} />
            <Cell interval={result.difference[name]} format={signed} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}
