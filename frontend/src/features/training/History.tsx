/** All trainings of the study, newest first; one of them is open beside the list. */

import { NavLink } from "react-router";

import { isRunning } from "@/api/polling";
import type { Id, TrainingRun } from "@/api/types";
import { paths } from "@/app/paths";
import { StateBadge } from "@/features/common/StateBadge";
import { formatDate, formatShare } from "@/format";
import { words } from "@/words";

import classes from "./History.module.css";
import { recipeName } from "./recipes";

const text = words.training;

function outcome(run: TrainingRun): string {
  if (run.metrics) return text.testAccuracy(formatShare(run.metrics.test.accuracy));
  if (isRunning(run.state)) return run.progress.message || text.states[run.state];
  return run.error?.message ?? text.states[run.state];
}

export function History({ runs, open }: { runs: readonly TrainingRun[]; open: Id | null }) {
  return (
    <ul className={classes.root}>
      {runs.map((run) => (
        <li key={run.id}>
          <NavLink
            to={paths.training(run.study, run.id)}
            className={classes.row}
            aria-current={run.id === open ? "page" : undefined}
          >
            <span className={classes.head}>
              <strong>{text.run(run.number)}</strong>
              <StateBadge state={run.state} name={text.states[run.state]} />
            </span>
            <span className={classes.fine}>{outcome(run)}</span>
            <span className={classes.fine}>
              {recipeName(run.preset)} · {formatDate(run.created_at)} · {run.created_by}
            </span>
          </NavLink>
        </li>
      ))}
    </ul>
  );
}
