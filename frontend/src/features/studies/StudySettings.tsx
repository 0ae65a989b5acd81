/** An admin changes what a study is called, how near two cells may lie, and how much it may hold. */

import { Alert, Modal, NumberInput, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";

import { useChangeStudy } from "@/api/studies";
import type { Study } from "@/api/types";
import { errorMessage, notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { words } from "@/words";

import { draftOf, STUDY_RULES, StudyFields, type StudyValues } from "./StudyFields";

const text = words.studies;

const GB = 1e9;
const LARGEST_QUOTA_GB = 1e6;
const LARGEST_RADIUS_UM = 100;

interface Values extends StudyValues {
  radius_um: number | "";
  quota_gb: number | "";
}

const isWithin = (value: number, most: number): boolean => value > 0 && value <= most;

function Settings({ study, onClose }: { study: Study; onClose: () => void }) {
  const change = useChangeStudy(study.id);
  const { name, description, model_mpp, radius_um, quota_bytes } = study;
  const form = useForm<Values>({
    initialValues: {
      name,
      description,
      model_mpp: model_mpp ?? "",
      radius_um,
      quota_gb: quota_bytes === null ? "" : quota_bytes / GB,
    },
    validate: {
      ...STUDY_RULES,
      radius_um: (value) => (value !== "" && isWithin(value, LARGEST_RADIUS_UM) ? null : text.radiusWrong),
      quota_gb: (value) => (value === "" || isWithin(value, LARGEST_QUOTA_GB) ? null : text.quotaWrong),
    },
  });
  const submit = form.onSubmit((values) =>
    change.mutate(
      {
        ...draftOf(values),
        radius_um: Number(values.radius_um),
        quota_bytes: values.quota_gb === "" ? null : Math.round(values.quota_gb * GB),
      },
      {
        onSuccess: () => {
          notifyDone(text.changed);
          onClose();
        },
      },
    ),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {change.isError && <Alert color="red">{errorMessage(change.error)}</Alert>}
        <StudyFields form={form} isScaleFixed={study.patch_count > 0} />
        <NumberInput
          label={text.radius}
          description={text.radiusHelp}
          decimalScale={2}
          step={0.5}
          hideControls
          withAsterisk
          {...form.getInputProps("radius_um")}
        />
        <NumberInput
          label={text.quota}
          description={text.quotaHelp}
          placeholder={text.noQuota}
          decimalScale={3}
          hideControls
          {...form.getInputProps("quota_gb")}
        />
        <DialogButtons onCancel={onClose} type="submit" loading={change.isPending}>
          {words.common.save}
        </DialogButtons>
      </Stack>
    </form>
  );
}

export function StudySettings({
  study,
  isOpen,
  onClose,
}: {
  study: Study;
  isOpen: boolean;
  onClose: () => void;
}) {
  return (
    <Modal opened={isOpen} onClose={onClose} title={text.settingsTitle}>
      <Settings study={study} onClose={onClose} />
    </Modal>
  );
}
