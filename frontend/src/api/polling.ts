/** How often to ask again: once a second while something runs, never after its final state. */

export const POLL_MS = 1000;

const RUNNING = new Set(["queued", "running", "processing"]);

export function isRunning(state: string | undefined): boolean {
  return state !== undefined && RUNNING.has(state);
}

/** For TanStack Query's `refetchInterval`. */
export function pollWhile(running: boolean): number | false {
  return running ? POLL_MS : false;
}

/** A key that makes a retried write the same write. */
export function newClientKey(): string {
  // `randomUUID` exists only over HTTPS and on localhost; a lab's own network may have neither.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
