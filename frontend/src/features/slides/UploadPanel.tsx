/** Every file on its way, and all of them together: how far, how fast, how long still. */

import { ActionIcon, Anchor, Button, Group, Progress } from "@mantine/core";
import {
  IconCircleCheck,
  IconFileUpload,
  IconFileX,
  IconPlayerPause,
  IconPlayerPlay,
  IconX,
} from "@tabler/icons-react";
import { Link } from "react-router";

import { useSlideName } from "@/api/slides";
import type { Id } from "@/api/types";
import { paths } from "@/app/paths";
import { Panel } from "@/features/common/Panel";
import { formatBytes, formatCount, formatDuration } from "@/format";
import { words } from "@/words";

import classes from "./UploadPanel.module.css";
import {
  canHold,
  isUnderWay,
  secondsLeft,
  totalsOf,
  uploadQueue,
  type UploadItem,
  type UploadPhase,
} from "./uploadQueue";
import { useUploads } from "./useUploads";

const text = words.slides.uploads;
const SHOWN = 40;
const ORDER: readonly UploadPhase[] = ["failed", "sending", "hashing", "checking", "paused", "held", "away"];

const SIGNS: Partial<Record<UploadPhase, typeof IconX>> = { done: IconCircleCheck, failed: IconFileX };

const speedWords = (speed: number | null): string => (speed === null ? "–" : formatBytes(speed));
const leftWords = (seconds: number | null): string =>
  seconds === null ? "" : ` · ${words.common.left(formatDuration(seconds))}`;

function situation(item: UploadItem): string {
  const [sent, size] = [formatBytes(item.sent), formatBytes(item.file.size)];
  switch (item.phase) {
    case "done":
      return item.isHere ? text.isHere : text.done;
    case "failed":
      return item.error ?? text.failed;
    case "held":
      return text.held(sent, size);
    case "sending":
      return text.sending(sent, size, speedWords(item.bytesPerSecond)) + leftWords(secondsLeft(item));
    default:
      return text[item.phase];
  }
}

function SlideLink({ study, slide }: { study: Id; slide: Id }) {
  const code = useSlideName(slide);
  if (!code) return null;
  return (
    <Anchor component={Link} to={paths.label(study, slide)} size="sm">
      {words.slides.detailsTitle(code)}
    </Anchor>
  );
}

function UploadBar({ item }: { item: UploadItem }) {
  const isHashing = item.phase === "hashing";
  return (
    <Progress
      value={(100 * (isHashing ? item.hashed : item.sent)) / item.file.size}
      color={isHashing ? "gray" : undefined}
      size={4}
      aria-label={item.file.name}
    />
  );
}

function Actions({ item }: { item: UploadItem }) {
  const { key, phase, file } = item;
  const isHeld = phase === "held";
  const end = isUnderWay(item) ? text.cancel(file.name) : text.dismiss(file.name);
  const pause = isHeld ? text.goOn(file.name) : text.pause(file.name);
  return (
    <Group gap={4} wrap="nowrap">
      {phase === "failed" && (
        <Button size="compact-sm" variant="default" onClick={() => uploadQueue.release(key)}>
          {text.retry}
        </Button>
      )}
      {(isHeld || canHold(item)) && (
        <ActionIcon
          aria-label={pause}
          title={pause}
          onClick={() => (isHeld ? uploadQueue.release(key) : uploadQueue.hold(key))}
        >
          {isHeld ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
        </ActionIcon>
      )}
      <ActionIcon aria-label={end} title={end} onClick={() => uploadQueue.remove(key)}>
        <IconX size={16} />
      </ActionIcon>
    </Group>
  );
}

function UploadRow({ item }: { item: UploadItem }) {
  const Sign = SIGNS[item.phase] ?? IconFileUpload;
  return (
    <li className={classes.row} data-phase={item.phase}>
      <Sign size={20} stroke={1.6} className={classes.sign} aria-hidden="true" />
      <div className={classes.words}>
        <span className={classes.name}>{item.file.name}</span>
        <span className={classes.situation} role={item.phase === "failed" ? "alert" : undefined}>
          {situation(item)} {item.slide !== null && <SlideLink study={item.study} slide={item.slide} />}
        </span>
        {isUnderWay(item) && <UploadBar item={item} />}
      </div>
      <Actions item={item} />
    </li>
  );
}

function TotalLine({ items }: { items: readonly UploadItem[] }) {
  const { sent, size, bytesPerSecond, secondsLeft: left } = totalsOf(items);
  return (
    <div className={classes.total}>
      <span>{text.total}</span>
      <span className={classes.situation}>
        {text.sending(formatBytes(sent), formatBytes(size), speedWords(bytesPerSecond)) + leftWords(left)}
      </span>
      <Progress value={(100 * sent) / size} size={6} aria-label={text.total} />
    </div>
  );
}

function AllActions({ study, items }: { study: Id; items: readonly UploadItem[] }) {
  return (
    <Group gap={4}>
      {items.some(canHold) && (
        <Button size="compact-sm" variant="subtle" onClick={() => uploadQueue.holdAll(study)}>
          {text.pauseAll}
        </Button>
      )}
      {items.some(({ phase }) => phase === "held") && (
        <Button size="compact-sm" variant="subtle" onClick={() => uploadQueue.releaseAll(study)}>
          {text.goOnAll}
        </Button>
      )}
      {!items.every(isUnderWay) && (
        <Button size="compact-sm" variant="subtle" onClick={() => uploadQueue.clearFinished(study)}>
          {text.clear}
        </Button>
      )}
    </Group>
  );
}

/** What needs a look comes first, what waits or has ended last. */
function rank({ phase }: UploadItem): number {
  const at = ORDER.indexOf(phase);
  return at < 0 ? ORDER.length + Number(phase === "done") : at;
}

export function UploadPanel({ study }: { study: Id }) {
  const items = useUploads().filter((item) => item.study === study);
  if (items.length === 0) return null;
  const underWay = items.filter(isUnderWay);
  const shown = items.length > SHOWN ? items.toSorted((a, b) => rank(a) - rank(b)).slice(0, SHOWN) : items;
  return (
    <div className={classes.root}>
      <Panel title={text.title(underWay.length)} aside={<AllActions study={study} items={items} />}>
        {underWay.length > 1 && <TotalLine items={underWay} />}
        <ul className={classes.list}>
          {shown.map((item) => (
            <UploadRow key={item.key} item={item} />
          ))}
        </ul>
        {items.length > SHOWN && (
          <p className={classes.hint}>{text.more(formatCount(items.length - SHOWN))}</p>
        )}
        {underWay.length > 0 && <p className={classes.hint}>{text.resumeHint}</p>}
      </Panel>
    </div>
  );
}
