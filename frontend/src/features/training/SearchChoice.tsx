/** The part of the form that most people leave alone: windows beside cells, how many trials, folds, minutes, ranges. */

import { Collapse, NumberInput, SimpleGrid, Stack, Text } from "@mantine/core";

import { Advanced, SeedInput } from "@/features/common/Form";
import classes from "@/features/common/Form.module.css";
import { words } from "@/words";

import { PARAMETERS, type ParameterName, type Ranges } from "./space";

const text = words.training;

export interface SearchWish {
  trials: number;
  folds: number;
  minutes: number | null;
  /** Beside each counted cell; null for the recipe's own number. */
  windowsBeside: number | null;
  ranges: Ranges;
  seed: number;
}

interface Props {
  wish: SearchWish;
  onChange: (change: Partial<SearchWish>) => void;
}

function RangeChoice({ wish, onChange, name }: Props & { name: ParameterName }) {
  const [low, high] = wish.ranges[name];
  const title = text.parameters[name];
  const set = (range: [number, number]) => onChange({ ranges: { ...wish.ranges, [name]: range } });
  const common = { min: 0, hideControls: true, decimalScale: 9, size: "xs" } as const;
  return (
    <div>
      <Text className={classes.fine}>{title}</Text>
      <SimpleGrid cols={2} spacing={8}>
        <NumberInput
          {...common}
          aria-label={text.low(title)}
          value={low}
          onChange={(value) => set([Number(value) || 0, high])}
        />
        <NumberInput
          {...common}
          aria-label={text.high(title)}
          value={high}
          onChange={(value) => set([low, Number(value) || 0])}
        />
      </SimpleGrid>
    </div>
  );
}

function Counts({ wish, onChange }: Props) {
  return (
    <>
      <NumberInput
        label={text.trials}
        description={text.trialsHelp}
        min={1}
        max={200}
        allowDecimal={false}
        value={wish.trials}
        onChange={(trials) => onChange({ trials: Number(trials) || 1 })}
      />
      <NumberInput
        label={text.folds}
        description={text.foldsHelp}
        min={0}
        max={10}
        allowDecimal={false}
        value={wish.folds}
        onChange={(folds) => onChange({ folds: Number(folds) || 0 })}
      />
      <NumberInput
        label={text.minutes}
        description={text.minutesHelp}
        placeholder={text.noLimit}
        min={1}
        allowDecimal={false}
        value={wish.minutes ?? ""}
        onChange={(minutes) => onChange({ minutes: Number(minutes) || null })}
      />
    </>
  );
}

function WindowsBeside({ wish, onChange }: Props) {
  return (
    <NumberInput
      label={text.windowsBeside}
      description={text.windowsBesideHelp}
      placeholder={text.asInTheRecipe}
      min={0}
      max={8}
      allowDecimal={false}
      value={wish.windowsBeside ?? ""}
      onChange={(number) => onChange({ windowsBeside: number === "" ? null : Number(number) })}
    />
  );
}

export function SearchChoice({ wish, onChange }: Props) {
  return (
    <Advanced label={text.advanced}>
      <Counts wish={wish} onChange={onChange} />
      <Collapse expanded={wish.trials > 1}>
        <Stack gap={6} role="group" aria-label={text.ranges}>
          {PARAMETERS.map((name) => (
            <RangeChoice key={name} name={name} wish={wish} onChange={onChange} />
          ))}
        </Stack>
      </Collapse>
      <WindowsBeside wish={wish} onChange={onChange} />
      <SeedInput
        label={text.seed}
        description={text.seedHelp}
        seed={wish.seed}
        onChange={(seed) => onChange({ seed })}
      />
    </Advanced>
  );
}
