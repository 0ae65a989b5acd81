/** The parts of a model card that are more than names and values. */

import { Code } from "@mantine/core";

import type { ModelCard, Promotion } from "@/api/types";
import { Facts } from "@/features/common/Facts";
import { formatCount, formatMoment, formatThreshold, shortHash } from "@/format";
import { words } from "@/words";

import classes from "./CardPanels.module.css";

const text = words.models.cardPage;
const SIDES = ["train", "validation", "test"] as const;

export function CardData({ card }: { card: ModelCard }) {
  const hash = {
    name: text.hash,
    value: <code>{shortHash(card.dataset_hash) || words.common.none}</code>,
    title: card.dataset_hash,
  };
  const { dataset } = card;
  if (!dataset) {
    return (
      <>
        <p className={classes.words}>{text.dataUnknown}</p>
        <Facts facts={[hash]} />
      </>
    );
  }
  return (
    <>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">{text.kind}</th>
            {SIDES.map((side) => (
              <th key={side} scope="col">
                {text.sides[side]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {dataset.classes.map(({ name, sides }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {SIDES.map((side) => (
                <td key={side}>{formatCount(sides[side] ?? 0)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <Facts
        columns={3}
        facts={[
          { name: text.dataSet(dataset.number), value: formatMoment(dataset.created_at) },
          hash,
          { name: text.seed, value: String(dataset.seed) },
        ]}
      />
    </>
  );
}

export function CardInside({ inside }: { inside: ModelCard["inside"] }) {
  if (!inside) return <p className={classes.words}>{text.insideMissing}</p>;
  const dab = inside.gate?.dab_min;
  const [notCounted, counted] = inside.class_names;
  return (
    <>
      <Facts
        columns={3}
        facts={[
          { name: text.network, value: inside.architecture },
          { name: text.window, value: text.windowPx(inside.patch_px) },
          { name: text.scale, value: inside.model_mpp ? text.mpp(String(inside.model_mpp)) : text.asIs },
          { name: text.counted, value: counted ?? words.common.none },
          { name: text.notCounted, value: notCounted ?? words.common.none },
          {
            name: text.gate,
            value: typeof dab === "number" ? text.gateAt(formatThreshold(dab)) : text.noGate,
          },
        ]}
      />
      <details>
        <summary>{text.config}</summary>
        <Code block>{JSON.stringify(inside.config, null, 2)}</Code>
      </details>
    </>
  );
}

const told = (row: Promotion): string =>
  [
    `${row.kind === "roll_back" ? text.rolledBack : text.promotion} ${words.common.by(row.created_by)}`,
    row.previous ? text.after(row.previous.number) : "",
    row.verdict ? text.verdicts[row.verdict] : "",
    row.reason ? `“${row.reason}”` : "",
  ]
    .filter(Boolean)
    .join(" · ");

export function CardHistory({ history }: { history: readonly Promotion[] }) {
  if (history.length === 0) return <p className={classes.words}>{text.never}</p>;
  return (
    <ol className={classes.history}>
      {history.map((row) => (
        <li key={row.id}>
          <time dateTime={row.created_at}>{formatMoment(row.created_at)}</time>
          <span>{told(row)}</span>
        </li>
      ))}
    </ol>
  );
}
