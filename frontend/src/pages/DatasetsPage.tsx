/** Freeze the labels of a study, and see what lies in each version and on which side. */

import { Button, Text } from "@mantine/core";
import { IconDatabase, IconLock } from "@tabler/icons-react";
import { Link, useParams } from "react-router";

import { useDatasets } from "@/api/datasets";
import { usePatchSummary } from "@/api/patches";
import { useStudy } from "@/api/studies";
import type { DatasetVersion, PatchSummary, Study } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Panel } from "@/features/common/Panel";
import { NewDataset } from "@/features/datasets/NewDataset";
import { VersionList } from "@/features/datasets/VersionList";
import { VersionView } from "@/features/datasets/VersionView";
import { ClassCounts } from "@/features/training/ClassCounts";
import { words } from "@/words";

import classes from "./DatasetsPage.module.css";

const text = words.datasets;

interface Props {
  study: Study;
  summary: PatchSummary;
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
      <Text className={classes.readOnly}>
        <IconLock size={15} stroke={1.7} aria-hidden="true" />
        {text.readOnly}
      </Text>
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

function Versions(props: Props) {
  const chosen = useParams().datasetId;
  const open = chosen ? Number(chosen) : (props.versions[0]?.id ?? null);
  return (
    <div className={classes.root}>
      <div className={classes.side}>
        {props.versions.length > 0 && (
          <Panel title={text.history} isFlush>
            <VersionList versions={props.versions} open={open} />
          </Panel>
        )}
        <Side {...props} />
      </div>
      <div className={classes.main}>
        {open === null ? (
          <Panel>
            <NothingFrozen {...props} />
          </Panel>
        ) : (
          <VersionView key={open} id={open} {...props} />
        )}
      </div>
    </div>
  );
}

export function DatasetsPage() {
  const id = useStudyId();
  const study = useStudy(id).data;
  const { isAdmin } = useRights(id);
  const summary = usePatchSummary(id);
  const versions = useDatasets(id);
  const failed = [summary, versions].find((query) => query.isError);
  if (failed) return <LoadError error={failed.error} onRetry={() => void failed.refetch()} />;
  if (!study || !summary.data || !versions.data) return <Loading />;
  return (
    <>
      <PageHeader title={text.title} lead={text.lead} />
      <Versions study={study} summary={summary.data} versions={versions.data.results} isAdmin={isAdmin} />
    </>
  );
}
