/** Uploads that the server has a part of, and this page no file: it may have been reloaded in the middle. */

import { Button, FileButton, Group, Progress } from "@mantine/core";
import { IconFileUpload } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { slidesKey } from "@/api/slides";
import type { Id, UnfinishedUpload } from "@/api/types";
import { isWhole, useThrowAwayUpload, useUnfinishedUploads } from "@/api/uploads";
import { notifyDone } from "@/app/notify";
import { Panel } from "@/features/common/Panel";
import { formatBytes, formatMoment } from "@/format";
import { words } from "@/words";

import { ACCEPTED } from "./acceptedFiles";
import classes from "./UploadPanel.module.css";
import { isUnderWay } from "./uploadQueue";
import { sendFiles, useUploads } from "./useUploads";

const text = words.slides.uploads;

const percentOf = ({ offset_bytes, size_bytes }: UnfinishedUpload): number =>
  Math.floor((100 * offset_bytes) / size_bytes);

function UnfinishedActions({ study, upload }: { study: Id; upload: UnfinishedUpload }) {
  const throwAway = useThrowAwayUpload(study);
  const name = upload.file_name;
  return (
    <Group gap={6} wrap="nowrap">
      <FileButton multiple accept={ACCEPTED.join(",")} onChange={(files) => sendFiles(study, files)}>
        {(props) => (
          <Button size="compact-sm" variant="default" aria-label={text.chooseNamed(name)} {...props}>
            {text.choose}
          </Button>
        )}
      </FileButton>
      <Button
        size="compact-sm"
        variant="subtle"
        color="red"
        loading={throwAway.isPending}
        aria-label={text.throwAwayNamed(name)}
        onClick={() => throwAway.mutate(upload.id, { onSuccess: () => notifyDone(text.thrownAway(name)) })}
      >
        {text.throwAway}
      </Button>
    </Group>
  );
}

function UnfinishedRow({ study, upload }: { study: Id; upload: UnfinishedUpload }) {
  const percent = percentOf(upload);
  const arrived = text.arrived(
    `${percent} %`,
    formatBytes(upload.size_bytes),
    formatMoment(upload.touched_at),
  );
  return (
    <li className={classes.row} data-phase="held">
      <IconFileUpload size={20} stroke={1.6} className={classes.sign} aria-hidden="true" />
      <div className={classes.words}>
        <span className={classes.name}>{upload.file_name}</span>
        <span className={classes.situation}>{isWhole(upload) ? text.checking : arrived}</span>
        <Progress value={percent} size={4} color="gray" aria-label={upload.file_name} />
      </div>
      {!isWhole(upload) && <UnfinishedActions study={study} upload={upload} />}
    </li>
  );
}

/** What the server has checked meanwhile is a slide now. */
function useRefreshWhenChecked(study: Id, uploads: readonly UnfinishedUpload[]): void {
  const client = useQueryClient();
  const whole = uploads.filter(isWhole).length;
  const before = useRef(whole);
  useEffect(() => {
    if (whole < before.current) void client.invalidateQueries({ queryKey: slidesKey(study) });
    before.current = whole;
  }, [client, study, whole]);
}

export function UnfinishedPanel({ study }: { study: Id }) {
  const underWay = useUploads().filter((item) => item.study === study && isUnderWay(item));
  const uploads = useUnfinishedUploads(study, true).data ?? [];
  useRefreshWhenChecked(study, uploads);
  const isOnItsWay = (upload: UnfinishedUpload) =>
    underWay.some(({ file }) => file.size === upload.size_bytes && file.name === upload.file_name);
  const left = uploads.filter((upload) => !isOnItsWay(upload));
  if (left.length === 0) return null;
  return (
    <div className={classes.root}>
      <Panel title={text.unfinished}>
        <ul className={classes.list}>
          {left.map((upload) => (
            <UnfinishedRow key={upload.id} study={study} upload={upload} />
          ))}
        </ul>
        <p className={classes.hint}>{text.unfinishedHint}</p>
      </Panel>
    </div>
  );
}
