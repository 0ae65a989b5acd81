/** The parts of a model card that are more than names and values. */

import { Code } from "@mantine/core";

import type { ModelCard, Promotion } from "@/api/types";
import { Facts } from "@/features/common/Facts";
import { formatCount, formatMoment, formatNumber, formatShare, formatThreshold, shortHash } from "@/format";
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

type Inside = NonNullable<ModelCard["inside"]>;

const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);

function gateWords(gate: Inside["gate"]): string {
  const [dab, kept, passed] = [gate?.dab_min, gate?.positives_kept, gate?.negatives_passed].map(numberOf);
  if (typeof dab !== "number") return text.noGate;
  const from = text.gateAt(formatThreshold(dab));
  if (typeof kept !== "number" || typeof passed !== "number") return from;
  return `${from}; ${text.gateShares(formatShare(kept), formatShare(passed))}`;
}

function lowRankWords(head: Inside["low_rank"]): string {
  const [rank, flipped, apart] = [head?.rank, head?.flipped, head?.largest_difference].map(numberOf);
  if (typeof rank !== "number" || typeof flipped !== "number" || typeof apart !== "number")
    return text.noLowRank;
  return text.lowRankOf(formatCount(rank), formatCount(flipped), formatNumber(apart, 3));
}

export function CardInside({ inside }: { inside: ModelCard["inside"] }) {
  if (!inside) return <p className={classes.words}>{text.insideMissing}</p>;
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
          { name: text.gate, value: gateWords(inside.gate) },
          { name: text.lowRank, value: lowRankWords(inside.low_rank) },
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
