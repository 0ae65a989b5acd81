/** A model's scores on its test patches, or that nobody has judged it. */

import { Text } from "@mantine/core";

import type { Model } from "@/api/types";
import { ScoreRow } from "@/features/common/ScoreRow";
import { formatCount } from "@/format";
import { words } from "@/words";

const text = words.models;

export function ModelScores({ model }: { model: Model }) {
  const test = model.metrics?.test;
  if (!test) return <Text size="sm">{text.notJudged}</Text>;
  return <ScoreRow scores={test} caption={text.scoresOn(formatCount(test.count))} />;
}
