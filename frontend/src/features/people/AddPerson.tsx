/** Give somebody a role; a new account comes with its first password, shown once. */

import { Alert, Button, CopyButton, Group, Modal, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";

import { useAddMember } from "@/api/studies";
import type { Id, Member, Role } from "@/api/types";
import { errorMessage, notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { words } from "@/words";

import classes from "./AddPerson.module.css";

const text = words.people;
const ROLES: readonly Role[] = ["pathologist", "lab", "admin"];

function PersonForm({
  study,
  onAdded,
  onClose,
}: {
  study: Id;
  onAdded: (member: Member) => void;
  onClose: () => void;
}) {
  const add = useAddMember(study);
  const form = useForm<{ username: string; name: string; role: Role }>({
    initialValues: { username: "", name: "", role: "pathologist" },
    validate: { username: (value) => (value.trim() ? null : text.usernameMissing) },
  });
  const submit = form.onSubmit(({ username, name, role }) =>
    add.mutate({ username: username.trim(), name: name.trim(), role }, { onSuccess: onAdded }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {add.isError && (
          <Alert color="red" role="alert">
            {errorMessage(add.error)}
          </Alert>
        )}
        <TextInput
          label={text.username}
          description={text.usernameHelp}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          withAsterisk
          maxLength={150}
          {...form.getInputProps("username")}
        />
        <TextInput
          label={text.name}
          description={text.nameHelp}
          autoComplete="off"
          maxLength={150}
          {...form.getInputProps("name")}
        />
        <Radio.Group label={text.role} {...form.getInputProps("role")}>
          <Stack gap={8} mt={8}>
            {ROLES.map((role) => (
              <Radio
                key={role}
                value={role}
                label={words.common.roles[role]}
                description={text.roleHelp[role]}
              />
            ))}
          </Stack>
        </Radio.Group>
        <DialogButtons onCancel={onClose} type="submit" loading={add.isPending}>
          {text.submit}
        </DialogButtons>
      </Stack>
    </form>
  );
}

function FirstPassword({ member, onClose }: { member: Member & { password: string }; onClose: () => void }) {
  return (
    <Stack>
      <Text size="sm">{text.passwordText(member.user.name || member.user.username)}</Text>
      <div className={classes.secret}>
        <code>{member.password}</code>
        <CopyButton value={member.password}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy}>
              {copied ? words.common.copied : words.common.copy}
            </Button>
          )}
        </CopyButton>
      </div>
      <Group justify="flex-end">
        <Button onClick={onClose}>{text.passwordDone}</Button>
      </Group>
    </Stack>
  );
}

const hasPassword = (member: Member | null): member is Member & { password: string } =>
  Boolean(member?.password);

export function AddPerson({ study, isOpen, onClose }: { study: Id; isOpen: boolean; onClose: () => void }) {
  const [added, setAdded] = useState<Member | null>(null);
  const close = () => {
    setAdded(null);
    onClose();
  };
  const receive = (member: Member) => {
    notifyDone(text.added(member.user.name || member.user.username));
    if (hasPassword(member)) setAdded(member);
    else close();
  };
  const isSecret = hasPassword(added);
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={isSecret ? text.passwordTitle : text.addTitle}
      closeOnClickOutside={!isSecret}
      closeOnEscape={!isSecret}
      withCloseButton={!isSecret}
    >
      {isSecret ? (
        <FirstPassword member={added} onClose={close} />
      ) : (
        <PersonForm study={study} onAdded={receive} onClose={close} />
      )}
    </Modal>
  );
}
