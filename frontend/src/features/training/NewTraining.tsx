/** Start a training: what to learn from, by which recipe. */

import { Alert, Button, Checkbox, Collapse, MultiSelect, Radio, Stack, Text } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useNavigate } from "react-router";

import { newClientKey } from "@/api/polling";
import { useStartTraining } from "@/api/training";
import type { Dataset, NewTraining as Wish, PatchSummary, Preset, Source, Study } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { formatCount, formatNumber } from "@/format";
import { words } from "@/words";

import { ClassCounts } from "./ClassCounts";
import { balanceOf, LEAST_OF_A_KIND, type LabelBalance } from "./labels";
import classes from "./NewTraining.module.css";
import { PRESETS, recipeName } from "./recipes";
import { SearchChoice, type SearchWish } from "./SearchChoice";
import { changedRanges, PAPER_RANGES } from "./space";

const text = words.training;

interface Choice extends SearchWish {
  preset: Preset;
  isEverything: boolean;
  sources: Source[];
  slides: string[];
}

const START: Choice = {
  preset: "default",
  isEverything: true,
  sources: [],
  slides: [],
  dataset: null,
  trials: 1,
  folds: 0,
  minutes: null,
  ranges: PAPER_RANGES,
  seed: 0,
};

/** What to learn from: a frozen version as a whole, or the labels of these sources and slides. */
function materialOf({ dataset, isEverything, sources, slides }: Choice): Partial<Wish> {
  if (dataset !== null) return { dataset };
  if (isEverything) return {};
  return {
    ...(sources.length ? { sources } : {}),
    ...(slides.length ? { slides: slides.map(Number) } : {}),
  };
}

function searchOf({ trials, folds, minutes, ranges }: Choice): Partial<Wish> {
  const space = changedRanges(ranges);
  return {
    ...(trials > 1 ? { trials } : {}),
    ...(trials > 1 && Object.keys(space).length ? { space } : {}),
    ...(folds > 1 ? { folds } : {}),
    ...(minutes === null ? {} : { minutes }),
  };
}

interface PartProps {
  choice: Choice;
  onChange: (change: Partial<Choice>) => void;
}

function MaterialChoice({ choice, onChange, summary }: PartProps & { summary: PatchSummary }) {
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
            value={choice.sources}
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
            value={choice.slides}
            onChange={(slides) => onChange({ slides })}
            searchable
            clearable
          />
        </Stack>
      </Collapse>
    </div>
  );
}

function RecipeChoice({ choice, onChange }: PartProps) {
  return (
    <Radio.Group
      label={text.preset}
      value={choice.preset}
      onChange={(preset) => onChange({ preset: preset as Preset })}
    >
      <Stack gap={8} mt={8}>
        {PRESETS.map((preset) => (
          <Radio.Card key={preset} value={preset} className={classes.recipe}>
            <Radio.Indicator />
            <span>
              <strong>{recipeName(preset)}</strong>
              <span className={classes.fine}>{text.presets[preset].text}</span>
            </span>
          </Radio.Card>
        ))}
      </Stack>
    </Radio.Group>
  );
}

function BalanceNote({ balance }: { balance: LabelBalance }) {
  if (!balance.isEnough) {
    return (
      <Alert color="clay" icon={<IconInfoCircle />} title={text.tooFewTitle}>
        {text.tooFew(LEAST_OF_A_KIND)}
      </Alert>
    );
  }
  if (balance.ratio === null) return null;
  return <Text className={classes.fine}>{text.imbalance(formatNumber(balance.ratio, 1))}</Text>;
}

interface Props {
  study: Study;
  summary: PatchSummary;
  /** Frozen versions to choose from, newest first. */
  datasets: readonly Dataset[];
}

export function NewTraining({ study, summary, datasets }: Props) {
  const [choice, setChoice] = useState(START);
  const key = useRef(newClientKey());
  const start = useStartTraining(study.id);
  const navigate = useNavigate();
  const balance = balanceOf(study.classes, summary);
  const change = (part: Partial<Choice>) => {
    key.current = newClientKey();
    setChoice({ ...choice, ...part });
  };
  const submit = () => {
    const { preset, seed } = choice;
    start.mutate(
      { preset, seed, ...materialOf(choice), ...searchOf(choice), client_key: key.current },
      {
        onSuccess: (run) => {
          key.current = newClientKey();
          notifyDone(text.started(run.number));
          void navigate(paths.training(study.id, run.id));
        },
      },
    );
  };
  return (
    <Stack gap="lg">
      <ClassCounts kinds={study.classes} summary={summary} />
      <BalanceNote balance={balance} />
      {choice.dataset === null && <MaterialChoice choice={choice} onChange={change} summary={summary} />}
      <RecipeChoice choice={choice} onChange={change} />
      <SearchChoice wish={choice} onChange={change} datasets={datasets} />
      <Button
        onClick={submit}
        loading={start.isPending}
        disabled={choice.dataset === null && !balance.isEnough}
        size="md"
      >
        {text.start}
      </Button>
    </Stack>
  );
}
