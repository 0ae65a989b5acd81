/** The newest count of a slide, with the model, the threshold and the person behind it. */

import { Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { isRunning } from "@/api/polling";
import type { DetectionRun } from "@/api/types";
import { ProgressLine } from "@/features/common/ProgressLine";
import { formatCount, formatDate, formatDensity, formatShare, formatThreshold } from "@/format";
import { words } from "@/words";

import classes from "./CountLine.module.css";

const text = words.slides;

function Provenance({ run }: { run: DetectionRun }) {
  const when = formatDate(run.finished_at ?? run.created_at);
  const said = text.countProvenance(run.model.number, formatThreshold(run.threshold), run.created_by, when);
  return (
    <Text className={classes.fine} title={said}>
      {said}
    </Text>
  );
}

export function CountLine({ run }: { run: DetectionRun | undefined }) {
  if (!run || run.state === "cancelled") return <Text className={classes.none}>{text.notCounted}</Text>;
  if (isRunning(run.state)) {
    return (
      <div className={classes.root}>
        <ProgressLine
          {...run.progress}
          message={run.progress.message || text.counting}
          label={text.counting}
        />
      </div>
    );
  }
  if (run.count === null) return <Text className={classes.none}>{text.runFailed}</Text>;
  return (
    <div className={classes.root}>
      <p className={classes.count}>
        <strong>{text.cells(formatCount(run.count))}</strong>
        {run.density_per_mm2 !== null && <span>{text.perMm2(formatDensity(run.density_per_mm2))}</span>}
        {run.state === "incomplete" && (
          <IconAlertTriangle
            size={16}
            className={classes.warn}
            role="img"
            aria-label={text.incomplete(formatShare(run.unread_fraction))}
          >
            <title>{text.incomplete(formatShare(run.unread_fraction))}</title>
          </IconAlertTriangle>
        )}
      </p>
      <Provenance run={run} />
    </div>
  );
}
