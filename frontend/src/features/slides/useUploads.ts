/** The upload queue as the page sees it. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { ME_KEY, useMe } from "@/api/auth";
import { slidesKey } from "@/api/slides";
import { studiesKey, studyKey } from "@/api/studies";
import type { Id } from "@/api/types";
import { useRefreshUploads } from "@/api/uploads";
import { notifyError } from "@/app/notify";
import { formatCount } from "@/format";
import { words } from "@/words";

import { sortFiles } from "./acceptedFiles";
import { isBusy, uploadQueue, type UploadItem } from "./uploadQueue";

const text = words.slides.uploads;

export function useUploads(): readonly UploadItem[] {
  return useSyncExternalStore(uploadQueue.subscribe, uploadQueue.snapshot);
}

/** The queue sends for whoever is signed in; an answer that it is still the same person lets what waited go on. */
function useUploadPerson(): void {
  const me = useMe();
  const person = me.data?.id ?? null;
  useEffect(() => uploadQueue.setPerson(person), [person, me.dataUpdatedAt]);
  useEffect(() => () => uploadQueue.setPerson(null), []);
}

/** Mounted once in the shell: new slides show up, and leaving in the middle asks first. */
export function useUploadWatch(): void {
  const client = useQueryClient();
  const refreshUploads = useRefreshUploads();
  const isSending = useUploads().some(isBusy);
  useUploadPerson();
  useEffect(() => {
    uploadQueue.onSignedOut = () => void client.invalidateQueries({ queryKey: ME_KEY });
    uploadQueue.onChanged = (study, hasArrived) => {
      refreshUploads(study);
      const changed = hasArrived ? [slidesKey(study), studyKey(study), studiesKey] : [];
      for (const queryKey of changed) void client.invalidateQueries({ queryKey });
    };
    window.addEventListener("online", uploadQueue.retryNow);
    return () => {
      uploadQueue.onChanged = uploadQueue.onSignedOut = null;
      window.removeEventListener("online", uploadQueue.retryNow);
    };
  }, [client, refreshUploads]);
  useEffect(() => {
    if (!isSending) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isSending]);
}

/** Files that were chosen one by one are refused one by one; a folder also holds what nobody meant. */
export function sendFiles(study: Id, files: Iterable<File>, areFromFolder = false): void {
  const { accepted, refused, toZip } = sortFiles(files);
  const [first] = toZip;
  if (first !== undefined) notifyError(new Error(text.toZip(first, toZip.length)), text.failed);
  if (areFromFolder && refused.length > 0) {
    notifyError(
      new Error(text.leftOut(formatCount(refused.length), refused.length === 1)),
      text.leftOutTitle,
    );
  } else {
    for (const reason of refused) notifyError(new Error(reason), text.failed);
  }
  if (accepted.length > 0) uploadQueue.add(study, accepted);
}
