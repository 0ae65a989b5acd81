/** One click back to the model that counted before. */

import { Button, Modal, Stack, Text, Textarea } from "@mantine/core";
import { IconArrowBackUp } from "@tabler/icons-react";
import { useState } from "react";

import { useRollBack, useRollBackTarget } from "@/api/models";
import type { Id, ModelRef } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { words } from "@/words";

const text = words.models.rollBack;

interface FormProps {
  study: Id;
  current: ModelRef;
  onClose: () => void;
}

function RollBackForm({ study, current, onClose }: FormProps) {
  const rollBack = useRollBack(study);
  const [reason, setReason] = useState("");
  const submit = () =>
    rollBack.mutate(reason.trim(), {
      onSuccess: (model) => {
        notifyDone(words.models.promoted(model.number));
        onClose();
      },
    });
  return (
    <Stack>
      <Text size="sm">{text.text(current.number)}</Text>
      <Textarea
        label={words.models.reason}
        description={words.models.reasonHelp}
        placeholder={text.reasonPlaceholder}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        maxLength={2000}
        autosize
        minRows={2}
        data-autofocus
      />
      <DialogButtons onCancel={onClose} onClick={submit} loading={rollBack.isPending}>
        {text.yes}
      </DialogButtons>
    </Stack>
  );
}

export function RollBack({ study }: { study: Id }) {
  const [isOpen, setOpen] = useState(false);
  const { current, former } = useRollBackTarget(study).data ?? {};
  if (!current || !former) return null;
  const close = () => setOpen(false);
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconArrowBackUp size={17} stroke={1.7} aria-hidden="true" />}
        onClick={() => setOpen(true)}
      >
        {text.button(former.number)}
      </Button>
      <Modal opened={isOpen} onClose={close} title={text.title(former.number)}>
        <RollBackForm study={study} current={current} onClose={close} />
      </Modal>
    </>
  );
}
