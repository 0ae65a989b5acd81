/** One training: while it runs, and what came of it. */

import { Alert, Button, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { Link } from "react-router";

import { useModels } from "@/api/models";
import { isRunning } from "@/api/polling";
import { useCancelTraining, useTrainingRun } from "@/api/training";
import type { Id, RunState, TrainingRun } from "@/api/types";
import { paths } from "@/app/paths";
import { notifyDone } from "@/app/notify";
import { confirm } from "@/features/common/confirm";
import { Facts, type Fact } from "@/features/common/Facts";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { Panel } from "@/features/common/Panel";
import { ProgressLine } from "@/features/common/ProgressLine";
import { StateBadge } from "@/features/common/StateBadge";
import { formatCount, formatDuration, formatMoment, secondsBetween, shortHash } from "@/format";
import { words } from "@/words";

import { Curves } from "./Curves";
import { datasetTotals } from "./dataset";
import { RunScores } from "./RunScores";
import classes from "./RunView.module.css";
import { recipeName } from "./recipes";

const text = words.training;

export const stateName = (state: RunState): string => text.states[state];

function factsOf(run: TrainingRun): Fact[] {
  const { train, validation, test } = datasetTotals(run.dataset);
  const took = run.started_at && run.finished_at ? secondsBetween(run.started_at, run.finished_at) : null;
  return [
    {
      name: text.fact.dataset,
      value: text.datasetSplit(formatCount(train), formatCount(validation), formatCount(test)),
    },
    {
      name: text.datasetVersion(run.dataset.number),
      value: <code>{shortHash(run.dataset.content_hash)}</code>,
      title: run.dataset.content_hash,
    },
    { name: text.fact.recipe, value: recipeName(run.preset) },
    { name: text.fact.seed, value: String(run.seed) },
    { name: text.fact.device, value: run.device || words.common.none },
    { name: text.fact.started, value: run.started_at ? formatMoment(run.started_at) : words.common.none },
    { name: text.fact.took, value: took === null ? words.common.none : formatDuration(took) },
    { name: text.fact.by, value: run.created_by },
  ];
}

function CancelButton({ run }: { run: TrainingRun }) {
  const cancel = useCancelTraining(run.study);
  const ask = () =>
    confirm({
      title: text.cancelTitle(run.number),
      text: text.cancelText,
      yes: text.cancel,
      no: text.keep,
      onYes: () => cancel.mutate(run.id, { onSuccess: () => notifyDone(text.cancelled(run.number)) }),
    });
  return (
    <Button variant="default" onClick={ask} loading={cancel.isPending}>
      {text.cancel}
    </Button>
  );
}

function ToModel({ run }: { run: TrainingRun }) {
  const model = useModels(run.study).data?.results.find(({ id }) => id === run.model_id);
  return (
    <Button component={Link} to={paths.models(run.study)} variant="light">
      {model ? text.seeModel(String(model.number)) : text.toModels}
    </Button>
  );
}

function Head({ run, isAdmin }: { run: TrainingRun; isAdmin: boolean }) {
  const runs = isRunning(run.state);
  return (
    <header className={classes.head}>
      <Title order={2}>{text.run(run.number)}</Title>
      <StateBadge state={run.state} name={stateName(run.state)} />
      <div className={classes.actions}>
        {runs && isAdmin && <CancelButton run={run} />}
        {run.model_id !== null && <ToModel run={run} />}
      </div>
    </header>
  );
}

function Trouble({ run }: { run: TrainingRun }) {
  if (run.state !== "failed" || !run.error) return null;
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title={run.error.message} role="alert">
      {text.failedHelp}
    </Alert>
  );
}

export function RunView({ id, isAdmin }: { id: Id; isAdmin: boolean }) {
  const query = useTrainingRun(id);
  if (query.isPending) return <Loading />;
  if (query.isError) return <LoadError error={query.error} onRetry={() => void query.refetch()} />;
  const run = query.data;
  const hasNothingToDraw = run.curve.length === 0 && !isRunning(run.state);
  return (
    <Panel label={text.run(run.number)}>
      <div className={classes.stack}>
        <Head run={run} isAdmin={isAdmin} />
        {isRunning(run.state) && (
          <ProgressLine
            {...run.progress}
            message={run.progress.message || (run.state === "queued" ? text.queued : "")}
            label={text.run(run.number)}
          />
        )}
        <Trouble run={run} />
        {!hasNothingToDraw && <Curves curve={run.curve} />}
        {run.metrics && <RunScores metrics={run.metrics} />}
        <div className={classes.facts}>
          <Facts facts={factsOf(run)} columns={4} />
        </div>
      </div>
    </Panel>
  );
}
