/** One model: its scores, what it learned from, who made it count and why. */

import { Anchor, Badge, Button, Title } from "@mantine/core";
import { IconRosetteDiscountCheck } from "@tabler/icons-react";
import { Link } from "react-router";

import { useTrainingRun } from "@/api/training";
import type { Model, ModelStatus } from "@/api/types";
import { paths } from "@/app/paths";
import { Facts, type Fact } from "@/features/common/Facts";
import { datasetWords } from "@/features/training/dataset";
import { formatDate, formatMoment, formatThreshold, shortHash } from "@/format";
import { words } from "@/words";

import classes from "./ModelCard.module.css";
import { ModelScores } from "./ModelScores";

const text = words.models;
const COLOURS: Record<ModelStatus, string> = { current: "ink", candidate: "clay", retired: "gray" };
const VARIANTS: Record<ModelStatus, string> = { current: "filled", candidate: "light", retired: "outline" };

function TrainedOn({ model }: { model: Model }) {
  const run = useTrainingRun(model.training_run).data;
  if (!run?.dataset) return words.common.none;
  return (
    <>
      {datasetWords(run.dataset)}
      {" · "}
      <Anchor component={Link} to={paths.training(model.study, run.id)} inherit>
        {text.training(run.number)}
      </Anchor>
    </>
  );
}

const originOf = (model: Model): Fact =>
  model.imported_by === null
    ? { name: text.trainedOn, value: <TrainedOn model={model} /> }
    : { name: text.imported, value: text.importedBy(model.imported_by), title: model.file_name };

function factsOf(model: Model): Fact[] {
  return [
    originOf(model),
    { name: text.threshold, value: formatThreshold(model.threshold) },
    { name: text.made, value: formatMoment(model.created_at) },
    { name: text.fingerprint, value: <code>{shortHash(model.sha256)}</code>, title: model.sha256 },
  ];
}

function Promotion({ model }: { model: Model }) {
  if (!model.promoted_at) return null;
  return (
    <p className={classes.promotion}>
      {text.promotedBy(model.promoted_by ?? words.common.none, formatDate(model.promoted_at))}
      {model.reason && `: “${model.reason}”`}
    </p>
  );
}

interface Props {
  model: Model;
  /** Null for those who may not promote. */
  onPromote: ((model: Model) => void) | null;
}

export function ModelCard({ model, onPromote }: Props) {
  const isCurrent = model.status === "current";
  return (
    <article className={classes.root} data-status={model.status} aria-label={text.model(model.number)}>
      <header className={classes.head}>
        <Title order={2}>{text.model(model.number)}</Title>
        <Badge
          color={COLOURS[model.status]}
          variant={VARIANTS[model.status]}
          leftSection={isCurrent && <IconRosetteDiscountCheck size={13} aria-hidden="true" />}
        >
          {text.statuses[model.status]}
        </Badge>
        <Anchor
          component={Link}
          to={paths.model(model.study, model.id)}
          size="sm"
          className={classes.card}
          aria-label={`${text.card}: ${text.model(model.number)}`}
        >
          {text.card}
        </Anchor>
        {onPromote && !isCurrent && (
          <Button
            variant={model.status === "candidate" ? "filled" : "default"}
            onClick={() => onPromote(model)}
            aria-label={`${text.promote}: ${text.model(model.number)}`}
          >
            {text.promote}
          </Button>
        )}
      </header>
      <div className={classes.body}>
        <ModelScores model={model} />
        <Facts facts={factsOf(model)} columns={2} />
      </div>
      <Promotion model={model} />
    </article>
  );
}
