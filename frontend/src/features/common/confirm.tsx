/** One way to ask before something that cannot be taken back. */

import { Text } from "@mantine/core";
import { modals } from "@mantine/modals";

interface Question {
  title: string;
  text: string;
  yes: string;
  no: string;
  onYes: () => void;
}

export function confirm({ title, text, yes, no, onYes }: Question): void {
  modals.openConfirmModal({
    title,
    children: <Text size="sm">{text}</Text>,
    labels: { confirm: yes, cancel: no },
    confirmProps: { color: "red" },
    cancelProps: { variant: "default" },
    onConfirm: onYes,
  });
}
