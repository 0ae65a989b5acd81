/** What the labels say against what the model says; right answers on the falling diagonal. */

import { VisuallyHidden } from "@mantine/core";

import type { Scores } from "@/api/types";
import { formatCount } from "@/format";
import { words } from "@/words";

import classes from "./ConfusionMatrix.module.css";

const text = words.training;

interface CellProps {
  count: number;
  ofRow: number;
  isRight: boolean;
}

function Cell({ count, ofRow, isRight }: CellProps) {
  const share = ofRow > 0 ? count / ofRow : 0;
  return (
    <td
      className={classes.cell}
      data-right={isRight || undefined}
      style={{ "--share": share } as React.CSSProperties}
    >
      <strong>{formatCount(count)}</strong>
      <span>{isRight ? text.right : text.wrong}</span>
    </td>
  );
}

export function ConfusionMatrix({ scores, set }: { scores: Scores; set: string }) {
  const [[tn = 0, fp = 0] = [], [fn = 0, tp = 0] = []] = scores.confusion;
  return (
    <table className={classes.root}>
      <VisuallyHidden component="caption">{text.confusionCaption(set)}</VisuallyHidden>
      <thead>
        <tr>
          <td />
          <th scope="col">
            <span>{text.predicted}</span>
            {text.counted}
          </th>
          <th scope="col">
            <span>{text.predicted}</span>
            {text.notCounted}
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">
            <span>{text.truth}</span>
            {text.counted}
          </th>
          <Cell count={tp} ofRow={tp + fn} isRight />
          <Cell count={fn} ofRow={tp + fn} isRight={false} />
        </tr>
        <tr>
          <th scope="row">
            <span>{text.truth}</span>
            {text.notCounted}
          </th>
          <Cell count={fp} ofRow={fp + tn} isRight={false} />
          <Cell count={tn} ofRow={fp + tn} isRight />
        </tr>
      </tbody>
    </table>
  );
}
