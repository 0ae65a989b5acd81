/** The counts of this slide, newest first. */

import { Badge, UnstyledButton } from "@mantine/core";

import type { DetectionRun, DetectionState } from "@/api/types";
import { moment, whole } from "@/viewer/format";
import viewer from "@/viewer/viewer.module.css";
import { detectWords as words } from "@/words/viewer";

import classes from "./detect.module.css";

const COLOURS: Record<DetectionState, string> = {
  queued: "gray",
  running: "ink",
  done: "ink",
  incomplete: "clay",
  failed: "red",
  cancelled: "gray",
};

interface RunListProps {
  readonly runs: readonly DetectionRun[];
  readonly shownId: number | null;
  readonly onShow: (runId: number) => void;
}

export function RunList({ runs, shownId, onShow }: RunListProps) {
  if (runs.length === 0) return null;
  return (
    <section className={viewer.section} aria-label={words.runs}>
      <h2 className={viewer.heading}>{words.runs}</h2>
      {runs.map((run) => (
        <UnstyledButton
          key={run.id}
          className={classes.run}
          aria-pressed={run.id === shownId}
          onClick={() => onShow(run.id)}
        >
          <span>
            <strong>{words.run(run.number)}</strong>
            <span className={classes.runLine}>
              {words.modelLine(run.model.number)} · {run.created_by} · {moment(run.created_at)}
            </span>
          </span>
          {run.count !== null && run.state === "done" ? (
            <span className={classes.runCount}>{whole(run.count)}</span>
          ) : (
            <Badge size="sm" className={classes.state} color={COLOURS[run.state]}>
              {words.states[run.state]}
            </Badge>
          )}
        </UnstyledButton>
      ))}
    </section>
  );
}
