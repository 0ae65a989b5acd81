/** A bar, what is being done, and how long it still takes. */

import { Progress, Text } from "@mantine/core";

import type { TimedProgress } from "@/api/types";
import { formatDuration } from "@/format";
import { words } from "@/words";

import classes from "./ProgressLine.module.css";

type Props = Pick<TimedProgress, "done" | "total" | "message"> & {
  eta_s?: number | null;
  label: string;
};

export function ProgressLine({ done, total, message, eta_s = null, label }: Props) {
  const isKnown = total > 0;
  const share = isKnown ? Math.min(100, (100 * done) / total) : 100;
  return (
    <div className={classes.root}>
      <Progress
        value={share}
        size={6}
        animated={!isKnown}
        striped={!isKnown}
        aria-label={label}
        transitionDuration={300}
      />
      <div className={classes.words}>
        <Text span inherit className={classes.message}>
          {message}
        </Text>
        <Text span inherit className={classes.left}>
          {isKnown && `${Math.floor(share)}\u202f%`}
          {eta_s !== null && ` · ${words.common.left(formatDuration(eta_s))}`}
        </Text>
      </div>
    </div>
  );
}
