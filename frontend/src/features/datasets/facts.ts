/** How a version came about, as names and values. */

import type { DatasetVersion } from "@/api/types";
import type { Fact } from "@/features/common/Facts";
import { formatCount, formatMoment } from "@/format";
import { words } from "@/words";

const text = words.datasets;

function origin({ sources, slides }: DatasetVersion): string {
  const parts = [
    ...sources.map((source) => words.patches.sources[source]),
    ...(slides.length ? [text.someSlides(slides.length)] : []),
  ];
  return parts.join(", ") || text.everything;
}

const inPixels = (name: string, value: number | null): Fact[] =>
  value === null ? [] : [{ name, value: text.px(formatCount(value)) }];

export function factsOf(version: DatasetVersion): Fact[] {
  return [
    { name: text.fact.split, value: text.splits[version.split].name, title: text.splits[version.split].text },
    ...inPixels(text.fact.guard, version.guard_px),
    ...inPixels(text.fact.tile, version.tile_px),
    { name: text.fact.refused, value: formatCount(version.refused_overlaps) },
    { name: text.fact.verdict, value: version.reader ? text.reader(version.reader.name) : text.majority },
    { name: text.fact.ties, value: formatCount(version.left_out_ties) },
    {
      name: text.fact.takenBack,
      value: formatCount(version.left_out_taken_back),
      title: text.fact.takenBackHelp,
    },
    { name: text.fact.from, value: origin(version) },
    { name: text.fact.seed, value: String(version.seed) },
    { name: text.fact.made, value: formatMoment(version.created_at) },
    { name: text.fact.by, value: version.created_by },
  ];
}
