/** What a study is called, what it is about, and the scale of its model. */

import { NumberInput, Textarea, TextInput } from "@mantine/core";
import { useForm, type UseFormReturnType } from "@mantine/form";

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

export type StudyForm = UseFormReturnType<StudyValues>;

export function useStudyForm(initialValues: StudyValues): StudyForm {
  return useForm<StudyValues>({
    initialValues,
    validate: {
      name: (value) => (value.trim() ? null : text.nameMissing),
      model_mpp: (value) => (isScale(value) ? null : text.scaleWrong),
    },
  });
}

export const draftOf = ({ name, description, model_mpp }: StudyValues) => ({
  name: name.trim(),
  description: description.trim(),
  model_mpp: model_mpp === "" ? null : model_mpp,
});

export function StudyFields({ form, isScaleFixed = false }: { form: StudyForm; isScaleFixed?: boolean }) {
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
        disabled={isScaleFixed}
        decimalScale={4}
        step={0.05}
        hideControls
        {...form.getInputProps("model_mpp")}
      />
    </>
  );
}
