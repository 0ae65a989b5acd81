/** The four scores of a two-class decision, always with the number of patches they stand on. */

import type { Scores } from "@/api/types";
import { formatShare } from "@/format";
import { words } from "@/words";

import classes from "./ScoreRow.module.css";

const NAMES = ["accuracy", "precision", "recall", "f1"] as const;

interface Props {
  scores: Scores;
  caption: string;
}

export function ScoreRow({ scores, caption }: Props) {
  return (
    <figure className={classes.root}>
      <dl className={classes.scores}>
        {NAMES.map((name) => (
          <div key={name}>
            <dt>{words.training[name]}</dt>
            <dd>{formatShare(scores[name])}</dd>
          </div>
        ))}
      </dl>
      <figcaption className={classes.caption}>{caption}</figcaption>
    </figure>
  );
}
