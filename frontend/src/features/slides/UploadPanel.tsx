/** Every file on its way: how far, how fast, how long still. */

import { ActionIcon, Button, Progress } from "@mantine/core";
import { IconCircleCheck, IconFileUpload, IconFileX, IconX } from "@tabler/icons-react";

import type { Id } from "@/api/types";
import { Panel } from "@/features/common/Panel";
import { formatBytes, formatDuration } from "@/format";
import { words } from "@/words";

import classes from "./UploadPanel.module.css";
import { isUnderWay, secondsLeft, uploadQueue, type UploadItem, type UploadPhase } from "./uploadQueue";
import { useUploads } from "./useUploads";

const text = words.slides.uploads;

const SIGNS: Partial<Record<UploadPhase, typeof IconX>> = { done: IconCircleCheck, failed: IconFileX };

function situation(item: UploadItem): string {
  switch (item.phase) {
    case "waiting":
      return text.waiting;
    case "hashing":
      return text.hashing;
    case "paused":
      return text.paused;
    case "done":
      return text.done;
    case "failed":
      return item.error ?? text.failed;
    case "sending":
      return text.sending(
        formatBytes(item.bytes),
        formatBytes(item.file.size),
        item.bytesPerSecond === null ? "–" : formatBytes(item.bytesPerSecond),
      );
  }
}

function UploadRow({ item }: { item: UploadItem }) {
  const Sign = SIGNS[item.phase] ?? IconFileUpload;
  const left = secondsLeft(item);
  const share = item.phase === "sending" || item.phase === "paused" ? (100 * item.bytes) / item.file.size : 0;
  const label = isUnderWay(item) ? text.cancel(item.file.name) : text.dismiss(item.file.name);
  return (
    <li className={classes.row} data-phase={item.phase}>
      <Sign size={20} stroke={1.6} className={classes.sign} aria-hidden="true" />
      <div className={classes.words}>
        <span className={classes.name}>{item.file.name}</span>
        <span className={classes.situation} role={item.phase === "failed" ? "alert" : undefined}>
          {situation(item)}
          {left !== null && ` · ${words.common.left(formatDuration(left))}`}
        </span>
        {isUnderWay(item) && (
          <Progress
            value={item.phase === "hashing" ? (100 * item.bytes) / item.file.size : share}
            color={item.phase === "hashing" ? "gray" : undefined}
            size={4}
            aria-label={item.file.name}
          />
        )}
      </div>
      {item.phase === "failed" && (
        <Button size="compact-sm" variant="default" onClick={() => uploadQueue.retry(item.key)}>
          {text.retry}
        </Button>
      )}
      <ActionIcon aria-label={label} title={label} onClick={() => uploadQueue.remove(item.key)}>
        <IconX size={16} />
      </ActionIcon>
    </li>
  );
}

export function UploadPanel({ study }: { study: Id }) {
  const items = useUploads().filter((item) => item.study === study);
  if (items.length === 0) return null;
  const underWay = items.filter(isUnderWay).length;
  const hasFinished = underWay < items.length;
  return (
    <div className={classes.root}>
      <Panel
        title={text.title(underWay)}
        aside={
          hasFinished && (
            <Button size="compact-sm" variant="subtle" onClick={() => uploadQueue.clearFinished()}>
              {text.clear}
            </Button>
          )
        }
      >
        <ul className={classes.list}>
          {items.map((item) => (
            <UploadRow key={item.key} item={item} />
          ))}
        </ul>
        {underWay > 0 && <p className={classes.hint}>{text.resumeHint}</p>}
      </Panel>
    </div>
  );
}
