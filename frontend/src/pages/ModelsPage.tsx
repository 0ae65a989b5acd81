/** The registry: which model counts, which wait, which have served. */

import { Button } from "@mantine/core";
import { IconInfoCircle, IconRosetteDiscountCheck } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";

import { useModels } from "@/api/models";
import type { Id, Model } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { ImportModel } from "@/features/models/ImportModel";
import { ModelCard } from "@/features/models/ModelCard";
import { PromoteDialog } from "@/features/models/PromoteDialog";
import { RollBack } from "@/features/models/RollBack";
import { words } from "@/words";

import classes from "./ModelsPage.module.css";

const text = words.models;

const RANK = { current: 0, candidate: 1, retired: 2 } as const;

/** The current one first, then candidates, then what has served; newest first among equals. */
const inOrder = (models: readonly Model[]): Model[] =>
  [...models].sort((a, b) => RANK[a.status] - RANK[b.status] || b.number - a.number);

function Registry({ study, isAdmin }: { study: Id; isAdmin: boolean }) {
  const models = useModels(study);
  const [chosen, setChosen] = useState<Model | null>(null);
  if (models.isPending) return <Loading />;
  if (models.isError) return <LoadError error={models.error} onRetry={() => void models.refetch()} />;
  const rows = inOrder(models.data.results);
  if (rows.length === 0) return <NoModels study={study} isAdmin={isAdmin} />;
  const current = rows.find((model) => model.status === "current");
  return (
    <>
      {!current && (
        <p className={classes.note}>
          <IconInfoCircle size={18} stroke={1.7} aria-hidden="true" />
          {text.noCurrent}
        </p>
      )}
      <div className={classes.list}>
        {rows.map((model) => (
          <ModelCard key={model.id} model={model} onPromote={isAdmin ? setChosen : null} />
        ))}
      </div>
      <PromoteDialog study={study} model={chosen} current={current} onClose={() => setChosen(null)} />
    </>
  );
}

function NoModels({ study, isAdmin }: { study: Id; isAdmin: boolean }) {
  return (
    <EmptyState
      icon={IconRosetteDiscountCheck}
      title={text.emptyTitle}
      text={isAdmin ? text.emptyAdmin : text.emptyOther}
      action={
        isAdmin && (
          <Button component={Link} to={paths.trainings(study)}>
            {text.toTraining}
          </Button>
        )
      }
    />
  );
}

export function ModelsPage() {
  const study = useStudyId();
  const { isAdmin } = useRights(study);
  return (
    <>
      <PageHeader title={text.title} lead={text.lead}>
        {isAdmin && <RollBack study={study} />}
        {isAdmin && <ImportModel study={study} />}
      </PageHeader>
      <Registry study={study} isAdmin={isAdmin} />
    </>
  );
}
