/** Patches by some key and by side: one row per class, slide or reader. */

import { Table, Title } from "@mantine/core";
import type { ReactNode } from "react";

import type { Side } from "@/api/types";
import { formatCount } from "@/format";
import { words } from "@/words";

import { SIDES, sumOf } from "./sides";
import classes from "./SideTable.module.css";

const text = words.datasets;
/** Beyond this the table scrolls by itself, so that what follows stays in reach. */
const TALLEST_PX = 420;

export interface SideRow {
  readonly key: string | number;
  readonly name: ReactNode;
  readonly counts: Readonly<Record<Side, number>>;
  readonly extra?: number;
}

interface Props {
  title: string;
  rows: readonly SideRow[];
  extra?: { name: string; help: string };
  note?: string;
}

function Row({ row, hasExtra }: { row: SideRow; hasExtra: boolean }) {
  return (
    <Table.Tr>
      <Table.Th scope="row" className={classes.name}>
        {row.name}
      </Table.Th>
      {SIDES.map((side) => (
        <Table.Td key={side}>{formatCount(row.counts[side])}</Table.Td>
      ))}
      <Table.Td className={classes.sum}>{formatCount(sumOf(row.counts))}</Table.Td>
      {hasExtra && <Table.Td>{formatCount(row.extra ?? 0)}</Table.Td>}
    </Table.Tr>
  );
}

export function SideTable({ title, rows, extra, note }: Props) {
  if (rows.length === 0) return null;
  return (
    <section aria-label={title}>
      <Title order={3}>{title}</Title>
      <Table.ScrollContainer minWidth={420} maxHeight={TALLEST_PX}>
        <Table aria-label={title} stickyHeader className={classes.table}>
          <Table.Thead>
            <Table.Tr>
              <Table.Td />
              {SIDES.map((side) => (
                <Table.Th key={side} scope="col">
                  {text.sides[side]}
                </Table.Th>
              ))}
              <Table.Th scope="col">{text.sum}</Table.Th>
              {extra && (
                <Table.Th scope="col" title={extra.help}>
                  {extra.name}
                </Table.Th>
              )}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.key} row={row} hasExtra={extra !== undefined} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {note && <p className={classes.note}>{note}</p>}
    </section>
  );
}
