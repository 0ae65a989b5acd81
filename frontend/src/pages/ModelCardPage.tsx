/** The card of one model: everything that is known of it, to read and to take along. */

import { Button, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useParams } from "react-router";

import { cardFileUrl, checkpointUrl, useModelCard } from "@/api/models";
import type { Id, ModelCard } from "@/api/types";
import { Facts, type Fact } from "@/features/common/Facts";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Panel } from "@/features/common/Panel";
import { CardData, CardHistory, CardInside } from "@/features/models/CardPanels";
import { RunScores } from "@/features/training/RunScores";
import { formatBytes, formatMoment, formatThreshold, shortHash } from "@/format";
import { words } from "@/words";

import classes from "./ModelCardPage.module.css";

const text = words.models.cardPage;

function originFacts({ origin, model }: ModelCard): Fact[] {
  const versions = Object.entries(origin.versions).map(([name, version]) => `${name} ${version}`);
  const imported: Fact[] =
    origin.kind === "imported" ? [{ name: text.file, value: origin.file_name || words.common.none }] : [];
  return [
    { name: text.by, value: origin.by },
    { name: text.when, value: formatMoment(origin.at) },
    { name: text.device, value: origin.device || words.common.none },
    { name: text.recipe, value: origin.preset ?? words.common.none },
    { name: text.windowsBeside, value: origin.windows_beside ?? words.common.none },
    ...imported,
    { name: text.size, value: formatBytes(model.size_bytes) },
    { name: words.models.fingerprint, value: <code>{shortHash(model.sha256)}</code>, title: model.sha256 },
    { name: text.versions, value: versions.join(", ") || words.common.none },
  ];
}

function Downloads({ model }: { model: Id }) {
  const icon = <IconDownload size={17} stroke={1.7} aria-hidden="true" />;
  return (
    <>
      <Button component="a" href={cardFileUrl(model)} download variant="default" leftSection={icon}>
        {text.download}
      </Button>
      <Button component="a" href={checkpointUrl(model)} download variant="default" leftSection={icon}>
        {text.downloadFile}
      </Button>
    </>
  );
}

function Card({ card }: { card: ModelCard }) {
  return (
    <div className={classes.root}>
      <Panel title={text.limits}>
        <ul className={classes.limits}>
          {card.limits.map((limit) => (
            <li key={limit}>{limit}</li>
          ))}
        </ul>
      </Panel>
      <Panel title={text.scores}>
        {card.scores ? <RunScores metrics={card.scores} /> : <Text size="sm">{words.models.notJudged}</Text>}
      </Panel>
      <Panel title={text.threshold}>
        <p className={classes.threshold}>
          <strong>{formatThreshold(card.threshold.value)}</strong> {card.threshold.how}
        </p>
      </Panel>
      <Panel title={text.data}>
        <CardData card={card} />
      </Panel>
      <Panel title={text.origin}>
        <p className={classes.words}>{card.origin.words}</p>
        <Facts facts={originFacts(card)} columns={4} />
      </Panel>
      <Panel title={text.inside}>
        <CardInside inside={card.inside} />
      </Panel>
      <Panel title={text.history}>
        <CardHistory history={card.history} />
      </Panel>
    </div>
  );
}

export function ModelCardPage() {
  const id = Number(useParams().modelId);
  const card = useModelCard(id);
  if (card.isPending) return <Loading />;
  if (card.isError) return <LoadError error={card.error} onRetry={() => void card.refetch()} />;
  const { model } = card.data;
  return (
    <>
      <PageHeader title={text.title(model.number)} lead={words.models.statuses[model.status]}>
        <Downloads model={id} />
      </PageHeader>
      <Card card={card.data} />
    </>
  );
}
