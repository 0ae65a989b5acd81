/** Threshold slider with the histogram of scores above it. */

import { Button, Slider, Text } from "@mantine/core";
import { useMemo } from "react";

import { threshold as thresholdText } from "@/viewer/format";
import { useKeys } from "@/viewer/keys";
import type { Points } from "@/viewer/points";
import { detectWords as words } from "@/words/viewer";

import classes from "./detect.module.css";
import { ScoreHistogram } from "./ScoreHistogram";
import type { Threshold } from "./useThreshold";

interface ThresholdDialProps {
  readonly dial: Threshold;
  readonly saved: number;
  /** The threshold that the model was given. */
  readonly model: number;
  readonly points: Points | null;
  readonly colour: string;
}

const LOWEST = 0.05;
const STEP = 0.01;

/** The slider starts at the floor above which candidates were kept. */
function floorOf(points: Points | null): number {
  const lowest = points && points.count > 0 ? points.descending[points.count - 1]! : 0.1;
  return Math.max(0, Math.floor(lowest / LOWEST) * LOWEST);
}

const STATES = {
  saved: words.thresholdSaved,
  saving: words.thresholdSaving,
  failed: words.thresholdFailed,
} as const;

export function ThresholdDial({ dial, saved, model, points, colour }: ThresholdDialProps) {
  const from = useMemo(() => floorOf(points), [points]);
  const step = (by: number) => () => {
    if (points) dial.set(Math.min(1, Math.max(from, Math.round((dial.value + by) * 100) / 100)));
  };
  useKeys({ "[": step(-STEP), "]": step(STEP) });
  return (
    <div>
      <div className={classes.dialHead}>
        <Text size="sm" fw={600}>
          {words.threshold}
        </Text>
        <Text size="sm" fw={600} data-testid="threshold">
          {thresholdText(dial.value)}
        </Text>
      </div>
      {points && points.count > 0 && (
        <ScoreHistogram points={points} from={from} threshold={dial.value} colour={colour} />
      )}
      <Slider
        size="sm"
        min={from}
        max={1}
        step={STEP}
        label={null}
        value={dial.value}
        onChange={dial.set}
        disabled={!points}
        thumbLabel={words.threshold}
      />
      <div className={classes.dialFoot}>
        {dial.state === "yours" ? (
          <>
            <span>{words.thresholdYours(thresholdText(saved))}</span>
            <Button size="compact-xs" variant="default" onClick={dial.reset}>
              {words.backToSaved}
            </Button>
          </>
        ) : (
          <span data-state={dial.state}>{STATES[dial.state]}</span>
        )}
        {dial.value !== model && (
          <Button
            size="compact-xs"
            variant="default"
            disabled={!points}
            onClick={() => dial.set(model)}
            title={words.backToModelLong}
          >
            {words.backToModel(thresholdText(model))}
          </Button>
        )}
      </div>
    </div>
  );
}
