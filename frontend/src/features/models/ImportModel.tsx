/** A model file from elsewhere: sent, inspected by a worker, here as a candidate or refused in words. */

import { Alert, Button, FileInput, Modal, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconFileImport } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { modelsKey, useModelImport, useSendModel } from "@/api/models";
import { isRunning } from "@/api/polling";
import type { Id } from "@/api/types";
import { errorMessage, notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { ProgressLine } from "@/features/common/ProgressLine";
import { words } from "@/words";

const text = words.models.import;

/** Tell once that the model is here. */
function useArrival(study: Id, isDone: boolean, onClose: () => void): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isDone) return;
    notifyDone(text.done);
    void client.invalidateQueries({ queryKey: modelsKey(study) });
    onClose();
  }, [isDone, client, study, onClose]);
}

function Refused({ message }: { message: string }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle />} role="alert">
      {message}
    </Alert>
  );
}

function ImportForm({ study, onClose }: { study: Id; onClose: () => void }) {
  const [file, setFile] = useState<File | null>(null);
  const send = useSendModel(study);
  const run = useModelImport(send.data);
  const isBusy = send.isPending || isRunning(run?.state);
  useArrival(study, run?.state === "done", onClose);
  const message = send.isPending ? text.sending : run?.progress.message || text.inspecting;
  return (
    <Stack>
      <Text size="sm">{text.text}</Text>
      <FileInput
        label={text.file}
        placeholder={text.choose}
        accept=".safetensors"
        value={file}
        onChange={(chosen) => {
          setFile(chosen);
          send.reset();
        }}
        disabled={isBusy}
        clearable
      />
      {send.isError && <Refused message={errorMessage(send.error)} />}
      {run?.error && !isBusy && <Refused message={run.error.message} />}
      {isBusy && <ProgressLine done={0} total={0} message={message} label={text.title} />}
      <DialogButtons
        onCancel={onClose}
        onClick={() => file && send.mutate(file)}
        loading={isBusy}
        disabled={!file}
      >
        {text.send}
      </DialogButtons>
    </Stack>
  );
}

export function ImportModel({ study }: { study: Id }) {
  const [isOpen, setOpen] = useState(false);
  const close = () => setOpen(false);
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconFileImport size={17} stroke={1.7} aria-hidden="true" />}
        onClick={() => setOpen(true)}
      >
        {text.button}
      </Button>
      <Modal opened={isOpen} onClose={close} title={text.title}>
        <ImportForm study={study} onClose={close} />
      </Modal>
    </>
  );
}
