/** Making a model current: against what, on what evidence, and why. */

import { Modal, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";

import { useComparison, usePromote } from "@/api/models";
import { isRunning } from "@/api/polling";
import type { Id, Model } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { words } from "@/words";

import { ComparisonView } from "./ComparisonView";
import { ModelScores } from "./ModelScores";
import { needsReason } from "./verdict";

const text = words.models;

interface FormProps {
  study: Id;
  model: Model;
  onClose: () => void;
  /** Somebody must say why. */
  isReasonNeeded: boolean;
  isReady: boolean;
}

function PromoteForm({ study, model, onClose, isReasonNeeded, isReady }: FormProps) {
  const promote = usePromote(study);
  const [reason, setReason] = useState("");
  const isMissing = isReasonNeeded && reason.trim() === "";
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
    <>
      <Textarea
        label={text.reason}
        description={isReasonNeeded && isReady ? text.reasonNeeded : text.reasonHelp}
        placeholder={text.reasonPlaceholder}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        required={isReasonNeeded && isReady}
        maxLength={2000}
        autosize
        minRows={2}
        data-autofocus
      />
      <DialogButtons
        onCancel={onClose}
        onClick={submit}
        loading={promote.isPending}
        disabled={!isReady || isMissing}
      >
        {text.promote}
      </DialogButtons>
    </>
  );
}

function AgainstCurrent({
  current,
  ...form
}: {
  study: Id;
  model: Model;
  current: Model;
  onClose: () => void;
}) {
  const { comparison, error } = useComparison(form.model.id, current.id);
  const isReady = error !== null || (comparison !== null && !isRunning(comparison.state));
  return (
    <Stack gap="lg">
      <Text size="sm">{text.promoteText}</Text>
      <ComparisonView comparison={comparison} error={error} />
      <PromoteForm {...form} isReasonNeeded={needsReason(comparison)} isReady={isReady} />
    </Stack>
  );
}

function FirstOne(form: { study: Id; model: Model; onClose: () => void }) {
  return (
    <Stack gap="lg">
      <Text size="sm">{text.firstText}</Text>
      <ModelScores model={form.model} />
      <PromoteForm {...form} isReasonNeeded={false} isReady />
    </Stack>
  );
}

interface Props {
  study: Id;
  model: Model | null;
  current: Model | undefined;
  onClose: () => void;
}

export function PromoteDialog({ study, model, current, onClose }: Props) {
  return (
    <Modal
      opened={model !== null}
      onClose={onClose}
      size="lg"
      title={model ? text.promoteTitle(model.number) : ""}
    >
      {model && current && (
        <AgainstCurrent key={model.id} study={study} model={model} current={current} onClose={onClose} />
      )}
      {model && !current && <FirstOne key={model.id} study={study} model={model} onClose={onClose} />}
    </Modal>
  );
}
