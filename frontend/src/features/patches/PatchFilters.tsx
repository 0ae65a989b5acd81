/** Which patches to look at: by class, by where they came from, by slide. */

import { SegmentedControl, Select } from "@mantine/core";

import type { LabelClass, PatchSummary, Source } from "@/api/types";
import { ClassDot } from "@/features/common/ClassDot";
import { formatCount } from "@/format";
import { words } from "@/words";

import classes from "./PatchFilters.module.css";

const text = words.patches;
const ANY = "any";

export interface PatchChoice {
  readonly kind: number | null;
  readonly source: Source | null;
  readonly slide: number | null;
  readonly newestFirst: boolean;
}

interface Props {
  choice: PatchChoice;
  kinds: readonly LabelClass[];
  summary: PatchSummary;
  onChange: (change: Partial<PatchChoice>) => void;
}

function ClassSwitch({ choice, kinds, summary, onChange }: Props) {
  const countOf = (id: number) => summary.classes.find(({ class_id }) => class_id === id)?.count ?? 0;
  const data = [
    { value: ANY, label: `${text.allClasses} ${formatCount(summary.total)}` },
    ...kinds.map((kind) => ({
      value: String(kind.id),
      label: (
        <span className={classes.kind}>
          <ClassDot of={kind} /> {kind.name} {formatCount(countOf(kind.id))}
        </span>
      ),
    })),
  ];
  return (
    <SegmentedControl
      aria-label={text.class}
      data={data}
      value={choice.kind === null ? ANY : String(choice.kind)}
      onChange={(value) => onChange({ kind: value === ANY ? null : Number(value) })}
    />
  );
}

export function PatchFilters(props: Props) {
  const { choice, summary, onChange } = props;
  const sources = summary.sources.map(({ source, count }) => ({
    value: source,
    label: `${text.sources[source]} (${formatCount(count)})`,
  }));
  const slides = summary.slides.map(({ slide_id, code, count }) => ({
    value: String(slide_id),
    label: `${code} (${formatCount(count)})`,
  }));
  return (
    <div className={classes.root}>
      <ClassSwitch {...props} />
      <Select
        aria-label={text.source}
        placeholder={text.allSources}
        data={sources}
        value={choice.source}
        onChange={(source) => onChange({ source: source as Source | null })}
        clearable
        className={classes.source}
      />
      <Select
        aria-label={text.slide}
        placeholder={text.allSlides}
        data={slides}
        value={choice.slide === null ? null : String(choice.slide)}
        onChange={(slide) => onChange({ slide: slide === null ? null : Number(slide) })}
        clearable
        searchable
        className={classes.slide}
      />
      <Select
        aria-label={text.order}
        data={[
          { value: "newest", label: text.newest },
          { value: "oldest", label: text.oldest },
        ]}
        value={choice.newestFirst ? "newest" : "oldest"}
        onChange={(order) => onChange({ newestFirst: order !== "oldest" })}
        allowDeselect={false}
        className={classes.order}
      />
    </div>
  );
}
