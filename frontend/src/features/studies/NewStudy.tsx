/** A site admin opens a study. */

import { Alert, Button, Group, Modal, NumberInput, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useNavigate } from "react-router";

import { useCreateStudy } from "@/api/studies";
import { errorMessage, notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { words } from "@/words";

const SMALLEST_MPP = 0.05;
const LARGEST_MPP = 5;

const isScale = (value: number | ""): boolean =>
  value === "" || (value >= SMALLEST_MPP && value <= LARGEST_MPP);

export function NewStudy({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const create = useCreateStudy();
  const navigate = useNavigate();
  const form = useForm<{ name: string; description: string; model_mpp: number | "" }>({
    initialValues: { name: "", description: "", model_mpp: "" },
    validate: {
      name: (value) => (value.trim() ? null : words.studies.nameMissing),
      model_mpp: (value) => (isScale(value) ? null : words.studies.scaleWrong),
    },
  });
  const submit = form.onSubmit(({ name, description, model_mpp }) =>
    create.mutate(
      { name: name.trim(), description: description.trim(), model_mpp: model_mpp === "" ? null : model_mpp },
      {
        onSuccess: (study) => {
          notifyDone(words.studies.created(study.name));
          void navigate(paths.slides(study.id));
        },
      },
    ),
  );
  return (
    <Modal opened={isOpen} onClose={onClose} title={words.studies.createTitle}>
      <form onSubmit={submit} noValidate>
        <Stack>
          {create.isError && <Alert color="red">{errorMessage(create.error)}</Alert>}
          <TextInput
            label={words.studies.name}
            placeholder={words.studies.namePlaceholder}
            data-autofocus
            withAsterisk
            maxLength={120}
            {...form.getInputProps("name")}
          />
          <Textarea
            label={words.studies.description}
            autosize
            minRows={2}
            maxRows={6}
            maxLength={2000}
            {...form.getInputProps("description")}
          />
          <NumberInput
            label={words.studies.scale}
            description={words.studies.scaleHelp}
            decimalScale={4}
            step={0.05}
            hideControls
            {...form.getInputProps("model_mpp")}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {words.common.cancel}
            </Button>
            <Button type="submit" loading={create.isPending}>
              {words.studies.submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
