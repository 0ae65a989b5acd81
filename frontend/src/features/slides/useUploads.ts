/** The upload queue as the page sees it. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";

import { slidesKey } from "@/api/slides";
import { studiesKey, studyKey } from "@/api/studies";
import type { Id } from "@/api/types";
import { notifyError } from "@/app/notify";
import { words } from "@/words";

import { sortFiles } from "./acceptedFiles";
import { isUnderWay, uploadQueue, type UploadItem } from "./uploadQueue";

export function useUploads(): readonly UploadItem[] {
  return useSyncExternalStore(uploadQueue.subscribe, uploadQueue.snapshot);
}

/** Mounted once in the shell: new slides show up, and leaving in the middle asks first. */
export function useUploadWatch(): void {
  const client = useQueryClient();
  const isBusy = useUploads().some(isUnderWay);
  useEffect(() => {
    uploadQueue.onArrived = (study) => {
      for (const queryKey of [slidesKey(study), studyKey(study), studiesKey]) {
        void client.invalidateQueries({ queryKey });
      }
    };
    return () => {
      uploadQueue.onArrived = null;
    };
  }, [client]);
  useEffect(() => {
    if (!isBusy) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [isBusy]);
}

export function sendFiles(study: Id, files: Iterable<File>): void {
  const { accepted, refused } = sortFiles(files);
  for (const reason of refused) notifyError(new Error(reason), words.slides.uploads.failed);
  if (accepted.length > 0) uploadQueue.add(study, accepted);
}
