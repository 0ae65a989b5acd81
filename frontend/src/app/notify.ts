/** Short messages in the corner: in words, one per cause. */

import { notifications } from "@mantine/notifications";

import { words } from "@/words";

export function errorMessage(error: unknown): string {
  return error instanceof Error && error.message ? error.message : words.errors.unknown;
}

export function notifyError(error: unknown, title: string = words.errors.title): void {
  const message = errorMessage(error);
  notifications.show({ id: `error:${message}`, color: "red", title, message, autoClose: 8000 });
}

export function notifyDone(message: string): void {
  notifications.show({ color: "ink", message, autoClose: 4000 });
}
