/** A site admin opens a study. */

import { Alert, Modal, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useNavigate } from "react-router";

import { useCreateStudy } from "@/api/studies";
import { errorMessage, notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { DialogButtons } from "@/features/common/Form";
import { words } from "@/words";

import { draftOf, NEW_STUDY, STUDY_RULES, StudyFields, type StudyValues } from "./StudyFields";

export function NewStudy({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const create = useCreateStudy();
  const navigate = useNavigate();
  const form = useForm<StudyValues>({ initialValues: NEW_STUDY, validate: STUDY_RULES });
  const submit = form.onSubmit((values) =>
    create.mutate(draftOf(values), {
      onSuccess: (study) => {
        notifyDone(words.studies.created(study.name));
        void navigate(paths.slides(study.id));
      },
    }),
  );
  return (
    <Modal opened={isOpen} onClose={onClose} title={words.studies.createTitle}>
      <form onSubmit={submit} noValidate>
        <Stack>
          {create.isError && <Alert color="red">{errorMessage(create.error)}</Alert>}
          <StudyFields form={form} />
          <DialogButtons onCancel={onClose} type="submit" loading={create.isPending}>
            {words.studies.submit}
          </DialogButtons>
        </Stack>
      </form>
    </Modal>
  );
}
