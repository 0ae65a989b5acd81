/** Which labelled patches are taken: all, or those of some sources and slides. */

import { Checkbox, Collapse, MultiSelect, Stack } from "@mantine/core";

import type { PatchSummary, Source } from "@/api/types";
import { formatCount } from "@/format";
import { words } from "@/words";

const text = words.training;

export interface Material {
  readonly isEverything: boolean;
  readonly sources: readonly Source[];
  readonly slides: readonly string[];
}

interface Props {
  choice: Material;
  onChange: (change: Partial<Material>) => void;
  summary: PatchSummary;
}

export function MaterialChoice({ choice, onChange, summary }: Props) {
  return (
    <div>
      <Checkbox
        label={text.allSources}
        checked={choice.isEverything}
        onChange={(event) => onChange({ isEverything: event.currentTarget.checked })}
      />
      <Collapse expanded={!choice.isEverything}>
        <Stack gap="sm" pt="sm">
          <MultiSelect
            label={text.bySource}
            placeholder={choice.sources.length ? undefined : words.patches.allSources}
            data={summary.sources.map(({ source, count }) => ({
              value: source,
              label: `${words.patches.sources[source]} (${formatCount(count)})`,
            }))}
            value={[...choice.sources]}
            onChange={(sources) => onChange({ sources: sources as Source[] })}
            clearable
          />
          <MultiSelect
            label={text.bySlide}
            placeholder={choice.slides.length ? undefined : words.patches.allSlides}
            data={summary.slides.map(({ slide_id, code, count }) => ({
              value: String(slide_id),
              label: `${code} (${formatCount(count)})`,
            }))}
            value={[...choice.slides]}
            onChange={(slides) => onChange({ slides })}
            searchable
            clearable
          />
        </Stack>
      </Collapse>
    </div>
  );
}
