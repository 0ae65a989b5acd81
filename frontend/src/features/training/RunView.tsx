/** One training: while it runs, and what came of it. */

import { Alert, Button, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState, type ComponentProps } from "react";
import { Link } from "react-router";

import { useModels } from "@/api/models";
import { isRunning } from "@/api/polling";
import { useTrainingRun, useTrial } from "@/api/training";
import type { Id, RunMetrics, RunState, TrainingRun, TrainingRunDetail } from "@/api/types";
import { paths } from "@/app/paths";
import { Facts, type Fact } from "@/features/common/Facts";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { Panel } from "@/features/common/Panel";
import { ProgressLine } from "@/features/common/ProgressLine";
import { StateBadge } from "@/features/common/StateBadge";
import { formatCount, formatDuration, formatMoment, secondsBetween, shortHash } from "@/format";
import { words } from "@/words";

import { Curves } from "./Curves";
import { datasetWords, windowsWords } from "./dataset";
import { EndButtons } from "./EndButtons";
import { GroupScores } from "./GroupScores";
import { Judgement } from "./Judgement";
import { RunScores } from "./RunScores";
import classes from "./RunView.module.css";
import { recipeName } from "./recipes";
import { TrialsTable } from "./TrialsTable";
import { WrongPatches } from "./WrongPatches";

const text = words.training;

export const stateName = (state: RunState): string => text.states[state];

const isSearch = (run: TrainingRun): boolean => run.trial_limit > 1 || run.folds > 1;

function searchWords({ trial_limit, folds }: TrainingRun): string {
  const trials = formatCount(trial_limit);
  return folds > 1 ? text.searchOf(trials, formatCount(folds)) : text.searchPlain(trials);
}

/** What it learns from; a run that froze its labels itself has no data set before that is done. */
function datasetFacts({ dataset, state }: TrainingRun): Fact[] {
  if (!dataset) {
    return [{ name: text.fact.dataset, value: isRunning(state) ? text.notFrozen : words.common.none }];
  }
  return [
    { name: text.fact.dataset, value: datasetWords(dataset) },
    {
      name: text.datasetVersion(dataset.number),
      value: <code>{shortHash(dataset.content_hash)}</code>,
      title: dataset.content_hash,
    },
  ];
}

function windowsFacts({ windows_beside: told }: TrainingRun): Fact[] {
  if (!told) return [];
  return [{ name: text.fact.windowsBeside, value: told.each ? windowsWords(told) : words.common.none }];
}

function factsOf(run: TrainingRun): Fact[] {
  const took = run.started_at && run.finished_at ? secondsBetween(run.started_at, run.finished_at) : null;
  return [
    ...datasetFacts(run),
    ...windowsFacts(run),
    { name: text.fact.recipe, value: recipeName(run.preset) },
    ...(isSearch(run) ? [{ name: text.fact.search, value: searchWords(run) }] : []),
    { name: text.fact.seed, value: String(run.seed) },
    { name: text.fact.device, value: run.device || words.common.none },
    { name: text.fact.started, value: run.started_at ? formatMoment(run.started_at) : words.common.none },
    { name: text.fact.took, value: took === null ? words.common.none : formatDuration(took) },
    { name: text.fact.computing, value: formatDuration(run.seconds) },
    { name: text.fact.by, value: run.created_by },
  ];
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
        {runs && isAdmin && <EndButtons run={run} />}
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

/** Why a training that is done ended before it had done all it was asked for. */
function LastWords({ run }: { run: TrainingRun }) {
  if (isRunning(run.state) || !run.progress.message) return null;
  return <Text className={classes.note}>{run.progress.message}</Text>;
}

/** Slides beside whose cells nothing could be cut. */
function UnreadSlides({ run }: { run: TrainingRun }) {
  const slides = run.windows_beside?.unreadable_slides ?? [];
  if (slides.length === 0) return null;
  return <Text className={classes.note}>{text.windowsUnreadable(slides.join(", "))}</Text>;
}

/** The curve of a trial: the run's own where it shows that one anyway, else asked for. */
function useCurve(run: TrainingRunDetail, shown: number | null) {
  const isOwn = shown === run.curve_trial;
  const isLive = run.trials.some(({ number, state }) => number === shown && state === "running");
  const other = useTrial(run.id, isOwn ? null : shown, isLive && isRunning(run.state));
  return isOwn ? run.curve : (other.data?.curve ?? []);
}

function SearchTable({ run, shown, onShow }: ComponentProps<typeof TrialsTable>) {
  if (!isSearch(run) || run.trials.length === 0) return null;
  return (
    <>
      <TrialsTable run={run} shown={shown} onShow={onShow} />
      {shown !== null && <Title order={3}>{text.curvesOf(shown)}</Title>}
    </>
  );
}

/** The table of trials, and the curves of the one that was chosen in it; else of the one under way, or the best. */
function Trials({ run }: { run: TrainingRunDetail }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const shown = chosen ?? run.curve_trial;
  const curve = useCurve(run, shown);
  return (
    <>
      <SearchTable run={run} shown={shown} onShow={setChosen} />
      {(curve.length > 0 || isRunning(run.state)) && <Curves curve={curve} />}
    </>
  );
}

function Outcome({ run, metrics }: { run: TrainingRun; metrics: RunMetrics }) {
  const { judge_scores, slides = [], classes: kinds = [], wrong = [], test } = metrics;
  return (
    <>
      <RunScores metrics={metrics} />
      {judge_scores && (
        <>
          <Title order={3}>{text.judged}</Title>
          <Judgement judged={judge_scores} scores={test} />
          <GroupScores slides={slides} kinds={kinds} />
          <WrongPatches study={run.study} wrong={wrong} />
        </>
      )}
    </>
  );
}

export function RunView({ id, isAdmin }: { id: Id; isAdmin: boolean }) {
  const query = useTrainingRun(id);
  if (query.isPending) return <Loading />;
  if (query.isError) return <LoadError error={query.error} onRetry={() => void query.refetch()} />;
  const run = query.data;
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
        <LastWords run={run} />
        <UnreadSlides run={run} />
        <Trouble run={run} />
        <Trials run={run} />
        {run.metrics && <Outcome run={run} metrics={run.metrics} />}
        <div className={classes.facts}>
          <Facts facts={factsOf(run)} columns={4} />
        </div>
      </div>
    </Panel>
  );
}
