/** Whether everything is saved: always in sight, with what waits, why, and what was refused. */

import { Button, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCloudOff, IconLoader2 } from "@tabler/icons-react";

import { useMe } from "@/api/auth";
import { labelWords as words } from "@/words/viewer";

import classes from "./label.module.css";
import type { JournalEntry } from "./queue/operations";
import type { QueueState } from "./queue/labelQueue";
import { useLabelQueue } from "./queue/useLabelQueue";

type Tone = "saved" | "saving" | "waiting" | "refused";

function toneOf({ waiting, refused, trouble }: QueueState): Tone {
  if (waiting.length === 0) return refused.length > 0 ? "refused" : "saved";
  return trouble ? "waiting" : "saving";
}

const ICONS = {
  saved: IconCheck,
  saving: IconLoader2,
  waiting: IconCloudOff,
  refused: IconAlertTriangle,
} as const;

function Trouble({ state, onRetry }: { readonly state: QueueState; readonly onRetry: () => void }) {
  const me = useMe();
  if (!state.trouble) return null;
  const isSignedOut = state.trouble === "signedOut";
  const signIn = (): void => void me.refetch();
  return (
    <div className={classes.trouble}>
      <Text size="xs">{words[state.trouble]}</Text>
      <Button size="compact-xs" variant="default" onClick={isSignedOut ? signIn : onRetry}>
        {isSignedOut ? words.signIn : words.tryNow}
      </Button>
    </div>
  );
}

interface RefusedProps {
  readonly entries: readonly JournalEntry[];
  readonly classNames: ReadonlyMap<number, string>;
}

function Refused({ entries, classNames }: RefusedProps) {
  const { queue } = useLabelQueue();
  if (entries.length === 0) return null;
  return (
    <div className={classes.refused} role="alert" aria-label={words.refused(entries.length)}>
      {entries.map((entry) => (
        <div key={entry.clientKey} className={classes.refusedRow}>
          <Text size="xs">
            {entry.classId === null ? words.withdraw : classNames.get(entry.classId)} · x {entry.x} y{" "}
            {entry.y}: {entry.refusal}
          </Text>
          <div className={classes.buttons}>
            <Button
              size="compact-xs"
              variant="default"
              onClick={() => void queue.retryRefused(entry.clientKey)}
            >
              {words.again}
            </Button>
            <Button
              size="compact-xs"
              variant="subtle"
              color="gray"
              onClick={() => void queue.discardRefused(entry.clientKey)}
            >
              {words.discard}
            </Button>
          </div>
        </div>
      ))}
    </div>
  );
}

/** One line: saved, saving, or how many wait. */
export function SaveLine() {
  const { state } = useLabelQueue();
  const tone = toneOf(state);
  const Icon = ICONS[tone];
  const text = {
    saved: words.saved,
    saving: words.saving,
    waiting: words.waiting(state.waiting.length),
    refused: words.refused(state.refused.length),
  }[tone];
  return (
    <div className={classes.saveLine} data-tone={tone} role="status" data-testid="save-state">
      <Icon
        size={16}
        stroke={2}
        aria-hidden="true"
        className={tone === "saving" ? classes.turning : undefined}
      />
      {text}
    </div>
  );
}

export function SaveState({ classNames }: { readonly classNames: ReadonlyMap<number, string> }) {
  const { queue, state } = useLabelQueue();
  return (
    <div className={classes.save}>
      <SaveLine />
      <Trouble state={state} onRetry={queue.retryNow} />
      {!state.isKept && <Text size="xs">{words.notKept}</Text>}
      {state.othersWaiting > 0 && (
        <Text size="xs" c="dimmed">
          {words.othersWaiting(state.othersWaiting)}
        </Text>
      )}
      <Refused entries={state.refused} classNames={classNames} />
    </div>
  );
}
