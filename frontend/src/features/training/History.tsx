/** All trainings of the study, newest first; one of them is open beside the list. */

import { isRunning } from "@/api/polling";
import type { Id, TrainingRun } from "@/api/types";
import { paths } from "@/app/paths";
import { Row, RowList } from "@/features/common/RowList";
import { StateBadge } from "@/features/common/StateBadge";
import { formatDate, formatShare } from "@/format";
import { words } from "@/words";

import { recipeName } from "./recipes";

const text = words.training;

function outcome(run: TrainingRun): string {
  if (run.metrics) return text.testAccuracy(formatShare(run.metrics.test.accuracy));
  if (isRunning(run.state)) return run.progress.message || text.states[run.state];
  return run.error?.message ?? text.states[run.state];
}

export function History({ runs, open }: { runs: readonly TrainingRun[]; open: Id | null }) {
  return (
    <RowList>
      {runs.map((run) => (
        <Row
          key={run.id}
          to={paths.training(run.study, run.id)}
          isOpen={run.id === open}
          title={text.run(run.number)}
          badge={<StateBadge state={run.state} name={text.states[run.state]} />}
          lines={[
            outcome(run),
            `${recipeName(run.preset)} · ${formatDate(run.created_at)} · ${run.created_by}`,
          ]}
        />
      ))}
    </RowList>
  );
}
