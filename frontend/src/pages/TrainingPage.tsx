/** Teach a network, watch it learn, see how well it came out. */

import { Button } from "@mantine/core";
import { IconFlask2 } from "@tabler/icons-react";
import { Link, useParams, useSearchParams } from "react-router";

import { useDatasets } from "@/api/datasets";
import { usePatchSummary } from "@/api/patches";
import { useStudy } from "@/api/studies";
import { useTrainingRuns } from "@/api/training";
import type { DatasetVersion, PatchSummary, Study, TrainingRun } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Panel } from "@/features/common/Panel";
import { ReadOnlyNote, SidePage } from "@/features/common/SidePage";
import { ClassCounts } from "@/features/training/ClassCounts";
import { History } from "@/features/training/History";
import { NewTraining } from "@/features/training/NewTraining";
import { RunView } from "@/features/training/RunView";
import { words } from "@/words";

const text = words.training;

interface Props {
  study: Study;
  summary: PatchSummary;
  runs: readonly TrainingRun[];
  datasets: readonly DatasetVersion[];
  isAdmin: boolean;
}

function Side({ study, summary, datasets, isAdmin }: Props) {
  const asked = Number(useSearchParams()[0].get("dataset"));
  const wanted = datasets.find(({ id }) => id === asked)?.id ?? null;
  if (isAdmin) {
    return (
      <Panel title={text.newTitle}>
        <NewTraining study={study} summary={summary} datasets={datasets} wanted={wanted} />
      </Panel>
    );
  }
  return (
    <Panel title={text.counts}>
      <ClassCounts kinds={study.classes} summary={summary} />
      <ReadOnlyNote>{text.readOnly}</ReadOnlyNote>
    </Panel>
  );
}

function NothingTrained({ study, summary, isAdmin }: Props) {
  if (summary.total === 0) {
    return (
      <EmptyState
        icon={IconFlask2}
        title={text.emptyTitle}
        text={text.emptyLabels}
        action={
          <Button component={Link} to={paths.slides(study.id)} variant="default">
            {text.toSlides}
          </Button>
        }
      />
    );
  }
  return (
    <EmptyState icon={IconFlask2} title={text.emptyTitle} text={isAdmin ? text.emptyCan : text.emptyCannot} />
  );
}

function Trainings(props: Props) {
  const chosen = useParams().runId;
  const open = chosen ? Number(chosen) : (props.runs[0]?.id ?? null);
  return (
    <SidePage
      side={
        <>
          <Side {...props} />
          {props.runs.length > 0 && (
            <Panel title={text.history} isFlush>
              <History runs={props.runs} open={open} />
            </Panel>
          )}
        </>
      }
    >
      {open === null ? (
        <Panel>
          <NothingTrained {...props} />
        </Panel>
      ) : (
        <RunView key={open} id={open} isAdmin={props.isAdmin} />
      )}
    </SidePage>
  );
}

export function TrainingPage() {
  const id = useStudyId();
  const study = useStudy(id).data;
  const { isAdmin } = useRights(id);
  const summary = usePatchSummary(id);
  const runs = useTrainingRuns(id);
  const datasets = useDatasets(id);
  const failed = [summary, runs, datasets].find((query) => query.isError);
  if (failed) return <LoadError error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!study || !summary.data || !runs.data || !datasets.data) return <Loading />;
  return (
    <>
      <PageHeader title={text.title} lead={text.lead} />
      <Trainings
        study={study}
        summary={summary.data}
        runs={runs.data.results}
        datasets={datasets.data.results}
        isAdmin={isAdmin}
      />
    </>
  );
}
