/** Every configuration that was tried: what it was, how it did, why it ended. A click shows its curves. */

import { Badge, Table, Title, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useState } from "react";

import type { Trial, TrainingRunDetail } from "@/api/types";
import { formatCount, formatDuration, formatNumber, formatShare } from "@/format";
import { words } from "@/words";

import { COLUMNS, sorted, valueOf, type Column, type Order } from "./trials";
import classes from "./TrialsTable.module.css";

const text = words.training;

const FORMATS: Partial<Record<Column, (value: number) => string>> = {
  learning_rate: (value) => value.toPrecision(2),
  weight_decay: (value) => value.toPrecision(2),
  max_steps: formatCount,
  validation_loss: (value) => formatNumber(value, 4),
  accuracy: formatShare,
  precision: formatShare,
  recall: formatShare,
  seconds: formatDuration,
};

function why(trial: Trial): string {
  if (trial.stopped_because) return text.why[trial.stopped_because];
  return trial.state === "running" ? text.trialRuns : words.common.none;
}

function cellOf(trial: Trial, column: Column): string {
  const value = valueOf(trial, column);
  if (column === "why") return why(trial);
  if (typeof value !== "number") return words.common.none;
  return FORMATS[column]?.(value) ?? String(value);
}

interface HeadProps {
  column: Column;
  order: Order;
  onOrder: (order: Order) => void;
}

function Head({ column, order, onOrder }: HeadProps) {
  const isMine = order.by === column;
  const Arrow = order.isDown ? IconArrowDown : IconArrowUp;
  const direction = order.isDown ? "descending" : "ascending";
  return (
    <Table.Th aria-sort={isMine ? direction : "none"}>
      <UnstyledButton
        className={classes.head}
        aria-label={text.sortBy(text.column[column])}
        onClick={() => onOrder({ by: column, isDown: isMine && !order.isDown })}
      >
        {text.column[column]}
        {isMine && <Arrow size={13} aria-hidden="true" />}
      </UnstyledButton>
    </Table.Th>
  );
}

interface RowProps {
  trial: Trial;
  isBest: boolean;
  isShown: boolean;
  onShow: (number: number) => void;
}

function Row({ trial, isBest, isShown, onShow }: RowProps) {
  const { number } = trial;
  return (
    <Table.Tr className={classes.row} data-shown={isShown || undefined} onClick={() => onShow(number)}>
      {COLUMNS.map((column) => (
        <Table.Td key={column}>
          {column === "number" ? (
            <UnstyledButton
              aria-label={text.showTrial(number)}
              aria-pressed={isShown}
              className={classes.number}
            >
              {number}
              {isBest && (
                <Badge size="sm" className={classes.best}>
                  {text.isBest}
                </Badge>
              )}
            </UnstyledButton>
          ) : (
            cellOf(trial, column)
          )}
        </Table.Td>
      ))}
    </Table.Tr>
  );
}

interface Props {
  run: TrainingRunDetail;
  shown: number | null;
  onShow: (number: number) => void;
}

export function TrialsTable({ run, shown, onShow }: Props) {
  const [order, setOrder] = useState<Order>({ by: "number", isDown: false });
  const ended = run.trials.filter(({ state }) => state !== "running").length;
  return (
    <section>
      <div className={classes.title}>
        <Title order={3}>{text.trialsTitle}</Title>
        <span>{text.trialsNote(formatCount(ended), formatCount(run.trial_limit))}</span>
      </div>
      <div className={classes.scroll}>
        <Table aria-label={text.trialsTitle} verticalSpacing={6} horizontalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              {COLUMNS.map((column) => (
                <Head key={column} column={column} order={order} onOrder={setOrder} />
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {sorted(run.trials, order).map((trial) => (
              <Row
                key={trial.number}
                trial={trial}
                isBest={trial.number === run.best_trial}
                isShown={trial.number === shown}
                onShow={onShow}
              />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </section>
  );
}
