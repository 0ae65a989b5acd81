/** How good the model came out: on patches it never saw, and on those that chose its best moment. */

import { Title } from "@mantine/core";

import type { Scores, SplitScores } from "@/api/types";
import { ScoreRow } from "@/features/common/ScoreRow";
import { formatCount } from "@/format";
import { words } from "@/words";

import { ConfusionMatrix } from "./ConfusionMatrix";
import classes from "./RunScores.module.css";

const text = words.training;

function Side({ scores, name, caption }: { scores: Scores; name: string; caption: string }) {
  return (
    <div className={classes.side}>
      <Title order={3}>{name}</Title>
      <ScoreRow scores={scores} caption={caption} />
      <ConfusionMatrix scores={scores} set={name} />
    </div>
  );
}

export function RunScores({ metrics }: { metrics: SplitScores }) {
  const { test, validation } = metrics;
  return (
    <div className={classes.root}>
      <Side scores={test} name={text.testSet} caption={text.testHelp(formatCount(test.count))} />
      <Side
        scores={validation}
        name={text.validationSet}
        caption={text.validationHelp(formatCount(validation.count))}
      />
    </div>
  );
}
