/** Making a model current: what changes, against what, and why. */

import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";

import { usePromote } from "@/api/models";
import type { Id, Model } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { ScoreRow } from "@/features/common/ScoreRow";
import { formatCount } from "@/format";
import { words } from "@/words";

const text = words.models;

function Against({ model, title }: { model: Model; title: string }) {
  return (
    <div>
      <Text fw={550} size="sm" mb={4}>
        {title}
      </Text>
      <ScoreRow scores={model.metrics.test} caption={text.scoresOn(formatCount(model.metrics.test.count))} />
    </div>
  );
}

interface Props {
  study: Id;
  model: Model | null;
  current: Model | undefined;
  onClose: () => void;
}

function PromoteForm({ study, model, current, onClose }: Props & { model: Model }) {
  const promote = usePromote(study);
  const [reason, setReason] = useState("");
  const submit = () =>
    promote.mutate(
      { model: model.id, reason: reason.trim() },
      {
        onSuccess: () => {
          notifyDone(text.promoted(model.number));
          onClose();
        },
      },
    );
  return (
    <Stack gap="lg">
      <Text size="sm">{text.promoteText}</Text>
      <Against model={model} title={text.model(model.number)} />
      {current && <Against model={current} title={text.against(current.number)} />}
      <Textarea
        label={text.reason}
        description={text.reasonHelp}
        placeholder={text.reasonPlaceholder}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={2000}
        autosize
        minRows={2}
        data-autofocus
      />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          {words.common.cancel}
        </Button>
        <Button onClick={submit} loading={promote.isPending}>
          {text.promote}
        </Button>
      </Group>
    </Stack>
  );
}

export function PromoteDialog(props: Props) {
  const { model, onClose } = props;
  return (
    <Modal
      opened={model !== null}
      onClose={onClose}
      size="lg"
      title={model ? text.promoteTitle(model.number) : ""}
    >
      {model && <PromoteForm key={model.id} {...props} model={model} />}
    </Modal>
  );
}
