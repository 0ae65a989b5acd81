/** Two ways to end a training early: keep the best so far, or throw it away. */

import { Button } from "@mantine/core";

import { useEndTraining } from "@/api/training";
import type { TrainingRun } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { confirm } from "@/features/common/confirm";
import { words } from "@/words";

const text = words.training;

function StopButton({ run }: { run: TrainingRun }) {
  const stop = useEndTraining(run.study, "stop");
  const ask = () =>
    confirm({
      title: text.stopTitle(run.number),
      text: text.stopText,
      yes: text.stop,
      no: text.keep,
      onYes: () => stop.mutate(run.id, { onSuccess: () => notifyDone(text.stopAsked(run.number)) }),
    });
  return (
    <Button variant="default" onClick={ask} loading={stop.isPending} disabled={run.stop_asked}>
      {run.stop_asked ? text.stopping : text.stop}
    </Button>
  );
}

function CancelButton({ run }: { run: TrainingRun }) {
  const cancel = useEndTraining(run.study, "cancel");
  const ask = () =>
    confirm({
      title: text.cancelTitle(run.number),
      text: text.cancelText,
      yes: text.cancel,
      no: text.keep,
      onYes: () => cancel.mutate(run.id, { onSuccess: () => notifyDone(text.cancelled(run.number)) }),
    });
  return (
    <Button variant="default" onClick={ask} loading={cancel.isPending}>
      {text.cancel}
    </Button>
  );
}

export function EndButtons({ run }: { run: TrainingRun }) {
  return (
    <>
      {run.state === "running" && <StopButton run={run} />}
      <CancelButton run={run} />
    </>
  );
}
