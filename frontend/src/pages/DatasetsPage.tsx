/** Freeze the labels of a study, and see what lies in each version and on which side. */

import { Button } from "@mantine/core";
import { IconDatabase } from "@tabler/icons-react";
import { Link, useParams } from "react-router";

import { useDatasets, useFreezes } from "@/api/datasets";
import { usePatchSummary } from "@/api/patches";
import { isRunning } from "@/api/polling";
import { useStudy } from "@/api/studies";
import type { DatasetFreeze, DatasetVersion, PatchSummary, Study } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Panel } from "@/features/common/Panel";
import { ReadOnlyNote, SidePage } from "@/features/common/SidePage";
import { FreezeView } from "@/features/datasets/FreezeView";
import { NewDataset } from "@/features/datasets/NewDataset";
import { VersionList, type Open } from "@/features/datasets/VersionList";
import { VersionView } from "@/features/datasets/VersionView";
import { ClassCounts } from "@/features/training/ClassCounts";
import { words } from "@/words";

const text = words.datasets;

interface Props {
  study: Study;
  summary: PatchSummary;
  freezes: readonly DatasetFreeze[];
  versions: readonly DatasetVersion[];
  isAdmin: boolean;
}

function Side({ study, summary, isAdmin }: Props) {
  if (isAdmin) {
    return (
      <Panel title={text.newTitle}>
        <NewDataset study={study} summary={summary} />
      </Panel>
    );
  }
  return (
    <Panel title={words.training.counts}>
      <ClassCounts kinds={study.classes} summary={summary} />
      <ReadOnlyNote>{text.readOnly}</ReadOnlyNote>
    </Panel>
  );
}

function NothingFrozen({ study, summary, isAdmin }: Props) {
  const isUnlabelled = summary.total === 0;
  const help = isAdmin ? text.emptyCan : text.emptyCannot;
  return (
    <EmptyState
      icon={IconDatabase}
      title={text.emptyTitle}
      text={isUnlabelled ? text.emptyLabels : help}
      action={
        isUnlabelled && (
          <Button component={Link} to={paths.slides(study.id)} variant="default">
            {words.training.toSlides}
          </Button>
        )
      }
    />
  );
}

/** What the address names; else what is being frozen, or the newest version. */
function useOpen({ freezes, versions }: Props): Open {
  const { datasetId, freezeId } = useParams();
  if (datasetId) return { freeze: null, version: Number(datasetId) };
  const freeze = freezeId ? Number(freezeId) : (freezes.find(({ state }) => isRunning(state))?.id ?? null);
  return { freeze, version: freeze === null ? (versions[0]?.id ?? null) : null };
}

function Main({ open, ...props }: Props & { open: Open }) {
  if (open.freeze !== null) return <FreezeView key={open.freeze} id={open.freeze} isAdmin={props.isAdmin} />;
  if (open.version !== null) return <VersionView key={open.version} id={open.version} {...props} />;
  return (
    <Panel>
      <NothingFrozen {...props} />
    </Panel>
  );
}

function Versions(props: Props) {
  const { freezes, versions } = props;
  const open = useOpen(props);
  return (
    <SidePage
      isWide
      side={
        <>
          {freezes.length + versions.length > 0 && (
            <Panel title={text.history} isFlush>
              <VersionList freezes={freezes} versions={versions} open={open} />
            </Panel>
          )}
          <Side {...props} />
        </>
      }
    >
      <Main open={open} {...props} />
    </SidePage>
  );
}

/** What runs, and the last freeze where it came to nothing. */
const worthShowing = (freezes: readonly DatasetFreeze[]): DatasetFreeze[] =>
  freezes.filter(({ state }, at) => isRunning(state) || (at === 0 && state !== "done"));

export function DatasetsPage() {
  const id = useStudyId();
  const study = useStudy(id).data;
  const { isAdmin } = useRights(id);
  const summary = usePatchSummary(id);
  const versions = useDatasets(id);
  const freezes = useFreezes(id);
  const failed = [summary, versions, freezes].find((query) => query.isError);
  if (failed) return <LoadError error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!study || !summary.data || !versions.data || !freezes.data) return <Loading />;
  return (
    <>
      <PageHeader title={text.title} lead={text.lead} />
      <Versions
        study={study}
        summary={summary.data}
        freezes={worthShowing(freezes.data.results)}
        versions={versions.data.results}
        isAdmin={isAdmin}
      />
    </>
  );
}
