/** The evidence for a promotion: while it is computed, and what came of it. */

import { Alert, Title } from "@mantine/core";
import { IconAlertTriangle, IconArrowDown, IconArrowUp, IconEqual } from "@tabler/icons-react";

import { isRunning } from "@/api/polling";
import type { Comparison, Verdict } from "@/api/types";
import { errorMessage } from "@/app/notify";
import { ProgressLine } from "@/features/common/ProgressLine";
import { words } from "@/words";

import classes from "./Comparison.module.css";
import { ComparisonTable } from "./ComparisonTable";
import { groundWords, verdictWords } from "./verdict";

const text = words.models.comparison;
const ICONS: Record<Verdict, typeof IconEqual> = {
  better: IconArrowUp,
  worse: IconArrowDown,
  not_told_apart: IconEqual,
};

function Failed({ message }: { message: string }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle />} title={text.failed} role="alert">
      {message}
    </Alert>
  );
}

function Told({ comparison, verdict }: { comparison: Comparison; verdict: Verdict }) {
  const Icon = ICONS[verdict];
  return (
    <>
      <p className={classes.verdict} data-verdict={verdict} role="status">
        <Icon size={18} stroke={2} aria-hidden="true" />
        {verdictWords(comparison)}
      </p>
      {comparison.result && <ComparisonTable comparison={comparison} result={comparison.result} />}
      <p className={classes.ground}>{groundWords(comparison).join(" ")}</p>
    </>
  );
}

function Waiting({ comparison }: { comparison: Comparison | null }) {
  const { done = 0, total = 0, message = "" } = comparison?.progress ?? {};
  return <ProgressLine done={done} total={total} message={message || text.waiting} label={text.caption} />;
}

interface Props {
  comparison: Comparison | null;
  error: Error | null;
}

export function ComparisonView({ comparison, error }: Props) {
  if (error) return <Failed message={errorMessage(error)} />;
  if (comparison?.error && !isRunning(comparison.state)) return <Failed message={comparison.error.message} />;
  if (!comparison?.verdict) return <Waiting comparison={comparison} />;
  return (
    <section className={classes.root}>
      <Title order={3}>{text.title(comparison.candidate.number, comparison.current.number)}</Title>
      <Told comparison={comparison} verdict={comparison.verdict} />
    </section>
  );
}
