/** What a study is called, what it is about, and the scale of its model. */

import { NumberInput, Textarea, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";

import { words } from "@/words";

const text = words.studies;

const SMALLEST_MPP = 0.05;
const LARGEST_MPP = 5;

export interface StudyValues {
  name: string;
  description: string;
  model_mpp: number | "";
}

const isScale = (value: number | ""): boolean =>
  value === "" || (value >= SMALLEST_MPP && value <= LARGEST_MPP);

export const NEW_STUDY: StudyValues = { name: "", description: "", model_mpp: "" };

export const STUDY_RULES = {
  name: (value: string) => (value.trim() ? null : text.nameMissing),
  model_mpp: (value: number | "") => (isScale(value) ? null : text.scaleWrong),
};

export const draftOf = ({ name, description, model_mpp }: StudyValues) => ({
  name: name.trim(),
  description: description.trim(),
  model_mpp: model_mpp === "" ? null : model_mpp,
});

interface Props {
  /** A form that has these values among its own. */
  form: Pick<UseFormReturnType<StudyValues>, "getInputProps">;
  isScaleFixed?: boolean;
}

export function StudyFields({ form, isScaleFixed = false }: Props) {
  return (
    <>
      <TextInput
        label={text.name}
        placeholder={text.namePlaceholder}
        data-autofocus
        withAsterisk
        maxLength={120}
        {...form.getInputProps("name")}
      />
      <Textarea
        label={text.description}
        autosize
        minRows={2}
        maxRows={6}
        maxLength={2000}
        {...form.getInputProps("description")}
      />
      <NumberInput
        label={text.scale}
        description={isScaleFixed ? text.scaleFixed : text.scaleHelp}
        placeholder={text.noScale}
        disabled={isScaleFixed}
        decimalScale={4}
        step={0.05}
        hideControls
        {...form.getInputProps("model_mpp")}
      />
    </>
  );
}
