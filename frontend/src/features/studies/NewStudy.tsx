/** A site admin opens a study. */

import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import { useNavigate } from "react-router";

import { useCreateStudy } from "@/api/studies";
import { errorMessage, notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { words } from "@/words";

import { draftOf, NEW_STUDY, StudyFields, useStudyForm } from "./StudyFields";

export function NewStudy({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const create = useCreateStudy();
  const navigate = useNavigate();
  const form = useStudyForm(NEW_STUDY);
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
