/** A version in the making: how far it is, until its own page takes over; or why there is none. */

import { Alert, Button, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useEffect } from "react";
import { useNavigate } from "react-router";

import { useCancelFreeze, useFreeze } from "@/api/datasets";
import { isRunning } from "@/api/polling";
import type { DatasetFreeze, Id } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { confirm } from "@/features/common/confirm";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { Panel } from "@/features/common/Panel";
import { ProgressLine } from "@/features/common/ProgressLine";
import { StateBadge } from "@/features/common/StateBadge";
import { formatMoment } from "@/format";
import { words } from "@/words";

import classes from "./FreezeView.module.css";

const text = words.datasets;

function CancelButton({ freeze }: { freeze: DatasetFreeze }) {
  const cancel = useCancelFreeze(freeze.study);
  const ask = () =>
    confirm({
      title: text.cancelTitle,
      text: text.cancelText,
      yes: text.cancel,
      no: text.keep,
      onYes: () => cancel.mutate(freeze.id, { onSuccess: () => notifyDone(text.freezeCancelled) }),
    });
  return (
    <Button variant="default" onClick={ask} loading={cancel.isPending}>
      {text.cancel}
    </Button>
  );
}

function Outcome({ freeze }: { freeze: DatasetFreeze }) {
  if (freeze.error) {
    return (
      <Alert color="red" icon={<IconAlertTriangle />} title={freeze.error.message} role="alert">
        {text.freezeFailedHelp}
      </Alert>
    );
  }
  return (
    <Text className={classes.fine}>
      {isRunning(freeze.state) ? text.freezeHelp : text.freezeCancelledHelp}
    </Text>
  );
}

export function FreezeView({ id, isAdmin }: { id: Id; isAdmin: boolean }) {
  const query = useFreeze(id);
  const navigate = useNavigate();
  const { study, dataset } = query.data ?? {};
  useEffect(() => {
    if (study && dataset) void navigate(paths.dataset(study, dataset), { replace: true });
  }, [study, dataset, navigate]);
  if (query.isError) return <LoadError error={query.error} onRetry={() => void query.refetch()} />;
  const freeze = query.data;
  if (!freeze || freeze.dataset !== null) return <Loading />;
  const title = isRunning(freeze.state) ? text.freezing(freeze.name) : freeze.name || text.unnamed;
  return (
    <Panel label={title}>
      <div className={classes.stack}>
        <header className={classes.head}>
          <Title order={2}>{title}</Title>
          <StateBadge state={freeze.state} name={text.freezeStates[freeze.state]} />
          {isRunning(freeze.state) && isAdmin && <CancelButton freeze={freeze} />}
        </header>
        {isRunning(freeze.state) && (
          <ProgressLine
            {...freeze.progress}
            message={freeze.progress.message || text.freezeQueued}
            label={title}
          />
        )}
        <Outcome freeze={freeze} />
        <Text className={classes.fine}>
          {text.splits[freeze.split].name} · {formatMoment(freeze.created_at)} · {freeze.created_by}
        </Text>
      </div>
    </Panel>
  );
}
