/** Start a training: what to learn from, by which recipe. */

import { Alert, Button, Select, Stack, Text } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { useNavigate } from "react-router";

import { newClientKey } from "@/api/polling";
import { useStartTraining } from "@/api/training";
import type { DatasetVersion, Id, NewTraining as Wish, PatchSummary, Preset, Study } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { CardChoice } from "@/features/common/Form";
import classes from "@/features/common/Form.module.css";
import { MaterialChoice, type Material } from "@/features/patches/MaterialChoice";
import { formatNumber } from "@/format";
import { words } from "@/words";

import { ClassCounts } from "./ClassCounts";
import { balanceOf, LEAST_OF_A_KIND, type LabelBalance } from "./labels";
import { PRESETS, recipeName } from "./recipes";
import { SearchChoice, type SearchWish } from "./SearchChoice";
import { changedRanges, PAPER_RANGES } from "./space";

const text = words.training;

interface Choice extends SearchWish, Material {
  preset: Preset;
  /** A frozen version; null for the labels as they are now. */
  dataset: Id | null;
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
  windowsBeside: null,
  ranges: PAPER_RANGES,
  seed: 0,
};

/** What to learn from: a frozen version as a whole, or the labels of these sources and slides. */
function materialOf({ dataset, isEverything, sources, slides }: Choice): Partial<Wish> {
  if (dataset !== null) return { dataset };
  if (isEverything) return {};
  return {
    ...(sources.length ? { sources: [...sources] } : {}),
    ...(slides.length ? { slides: slides.map(Number) } : {}),
  };
}

function searchOf({ trials, folds, minutes, windowsBeside, ranges }: Choice): Partial<Wish> {
  const space = changedRanges(ranges);
  return {
    ...(trials > 1 ? { trials } : {}),
    ...(trials > 1 && Object.keys(space).length ? { space } : {}),
    ...(folds > 1 ? { folds } : {}),
    ...(minutes === null ? {} : { minutes }),
    ...(windowsBeside === null ? {} : { windows_beside: windowsBeside }),
  };
}

interface PartProps {
  choice: Choice;
  onChange: (change: Partial<Choice>) => void;
}

function DatasetChoice({ choice, onChange, datasets }: PartProps & { datasets: readonly DatasetVersion[] }) {
  if (datasets.length === 0) return null;
  return (
    <Select
      label={text.dataset}
      data={[
        { value: "", label: text.latestLabels },
        ...datasets.map(({ id, name }) => ({ value: String(id), label: name })),
      ]}
      value={String(choice.dataset ?? "")}
      onChange={(dataset) => onChange({ dataset: dataset ? Number(dataset) : null })}
      allowDeselect={false}
    />
  );
}

function RecipeChoice({ choice, onChange }: PartProps) {
  return (
    <CardChoice
      label={text.preset}
      value={choice.preset}
      onChange={(preset) => onChange({ preset })}
      cards={PRESETS.map((value) => ({ value, name: recipeName(value), text: text.presets[value].text }))}
    />
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
  datasets: readonly DatasetVersion[];
  /** The version that the address names. */
  wanted: Id | null;
}

export function NewTraining({ study, summary, datasets, wanted }: Props) {
  const [choice, setChoice] = useState<Choice>({ ...START, dataset: wanted });
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
      <DatasetChoice choice={choice} onChange={change} datasets={datasets} />
      {choice.dataset === null && <MaterialChoice choice={choice} onChange={change} summary={summary} />}
      <RecipeChoice choice={choice} onChange={change} />
      <SearchChoice wish={choice} onChange={change} />
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
