/** Sending a slide: hash it, announce it, then tus: in pieces, resumable at any byte, also after a reload. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { DetailedError, Upload } from "tus-js-client";

import { words } from "@/words";

import type { HashMessage } from "./hash.worker";
import { pollWhile } from "./polling";
import { ApiError, apiUrl, csrfHeaders, request, requestHeaders } from "./request";
import type { Id, Me, Page, UnfinishedUpload } from "./types";

/** Every 8 MB are safe on the server already; longer requests only save the time between two of them. */
const CHUNK_BYTES = 64 * 1024 * 1024;
const RETRY_MS = [0, 1000, 3000, 5000, 10_000];
const CHECK_MS = 1000;
const TUS = { "Tus-Resumable": "1.0.0" };
export const OTHER_PERSON = "upload_other_person";

const text = words.slides.uploads;

export interface UploadJob {
  readonly study: Id;
  readonly file: File;
  /** Whose upload it is; nothing is sent under another name. */
  readonly person: Id;
}

export interface Arrived {
  readonly slide: Id;
  /** The study had this file before: not a byte was sent. */
  readonly isHere: boolean;
}

export interface UploadEvents {
  onHashing: (done: number) => void;
  onSending: (sent: number) => void;
  /** All is there; the server works out the hash of a large file. */
  onChecking: () => void;
  onDone: (arrived: Arrived) => void;
  onError: (error: ApiError) => void;
}

export interface RunningUpload {
  /** Stop for now: what the server has of it stays. */
  pause: () => void;
  /** Stop for good: what the server has of it is thrown away. */
  stop: () => void;
}

const uploadsKey = (study: Id) => ["uploads", study] as const;

const listUploads = (study: Id, signal?: AbortSignal) =>
  request<Page<UnfinishedUpload>>("GET", `studies/${study}/uploads`, { query: { page_size: 200 }, signal });

export const isWhole = ({ offset_bytes, size_bytes }: UnfinishedUpload): boolean =>
  offset_bytes === size_bytes;

/** One's own uploads that are no slide yet: of this page, of one that was closed, of another machine. */
export function useUnfinishedUploads(study: Id, isOn: boolean) {
  return useQuery({
    queryKey: uploadsKey(study),
    queryFn: async ({ signal }) => (await listUploads(study, signal)).results,
    enabled: isOn,
    refetchInterval: (query) => pollWhile(query.state.data?.some(isWhole) ?? false),
  });
}

export function useRefreshUploads() {
  const client = useQueryClient();
  return useCallback((study: Id) => void client.invalidateQueries({ queryKey: uploadsKey(study) }), [client]);
}

export const throwAwayUpload = (upload: string): Promise<void> =>
  request<void>("DELETE", `uploads/${upload}`, { headers: TUS });

export function useThrowAwayUpload(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: throwAwayUpload,
    onSettled: () => client.invalidateQueries({ queryKey: uploadsKey(study) }),
  });
}

/** Digests already worked out: a line that breaks does not mean reading the file again. */
const digests = new WeakMap<File, string>();

async function digestOf(
  file: File,
  onProgress: (done: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const digest = digests.get(file) ?? (await hashFile(file, onProgress, signal));
  digests.set(file, digest);
  return digest;
}

const unreadable = () => new ApiError(text.unreadable, { code: "file_unreadable", status: 400 });

/** The digest of a file in hex, worked out away from the page. */
function hashFile(file: File, onProgress: (done: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { type: "module" });
    const end = () => worker.terminate();
    signal.addEventListener("abort", end);
    worker.onerror = () => {
      end();
      reject(unreadable());
    };
    worker.onmessage = ({ data }: MessageEvent<HashMessage>) => {
      if ("done" in data) return onProgress(data.done);
      end();
      if ("hex" in data) resolve(data.hex);
      else reject(unreadable());
    };
    worker.postMessage(file);
  });
}

function base64(value: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(value)));
}

export interface Announced {
  readonly upload: string;
  readonly slide: Id | null;
}

const slideIn = (headers: Headers): Id | null => Number(headers.get("X-Slide-Id")) || null;

/** The upload that goes on, or a new one: the server knows a file by its hash, whichever page began with it. */
export async function announce(
  { study, file, person }: UploadJob,
  sha256: string,
  signal?: AbortSignal,
): Promise<Announced> {
  const known = (await listUploads(study, signal)).results;
  const mine = known.find((one) => one.sha256 === sha256 && one.size_bytes === file.size);
  if (mine) return { upload: mine.id, slide: null };
  const metadata = { filename: file.name, sha256, person: String(person) };
  const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${base64(value)}`);
  const headers = await requestHeaders("POST", `studies/${study}/uploads`, {
    headers: { ...TUS, "Upload-Length": String(file.size), "Upload-Metadata": pairs.join(",") },
    signal,
  });
  const upload = headers.get("Location")?.split("/").at(-1) ?? "";
  return { upload, slide: slideIn(headers) };
}

function refusal(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const response = error instanceof DetailedError ? error.originalResponse : null;
  if (!response) {
    // Without an answer the line is down; what is no request at all is the file itself.
    return error instanceof DetailedError
      ? new ApiError(text.paused, { code: "offline", status: 0 })
      : unreadable();
  }
  const status = response.getStatus();
  try {
    const { code, message } = JSON.parse(response.getBody()) as { code?: string; message?: string };
    return new ApiError(message ?? text.refused(status), { code: code ?? "refused", status });
  } catch {
    return new ApiError(text.refused(status), { code: "refused", status });
  }
}

/** An upload that is gone was taken back, or belongs to somebody whom another tab has signed out. */
async function explained(error: ApiError, person: Id): Promise<ApiError> {
  if (error.status !== 404) return error;
  try {
    const me = await request<Me>("GET", "auth/me");
    if (me.id === person) return new ApiError(text.gone, { code: "upload_gone", status: 404 });
  } catch (unknown) {
    if (unknown instanceof ApiError && unknown.isTransient) return unknown;
  }
  return new ApiError(text.away, { code: OTHER_PERSON, status: 409 });
}

interface Sending {
  readonly file: File;
  readonly upload: string;
  readonly onSending: (sent: number) => void;
  readonly signal: AbortSignal;
}

/** Without an endpoint, tus asks where the upload stands and goes on from there; it never begins another one. */
function sendBytes({ file, upload, onSending, signal }: Sending): Promise<void> {
  return new Promise((resolve, reject) => {
    const tus = new Upload(file, {
      uploadUrl: new URL(apiUrl(`uploads/${upload}`), window.location.href).href,
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MS,
      storeFingerprintForResuming: false,
      onBeforeRequest: (asked) => {
        for (const [name, value] of Object.entries(csrfHeaders())) asked.setHeader(name, value);
      },
      onProgress: onSending,
      onSuccess: () => resolve(),
      onError: reject,
    });
    signal.addEventListener("abort", () => void tus.abort());
    tus.start();
  });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The slide of an upload that is whole; the hash of gigabytes takes a worker a while. */
async function slideOf(upload: string, onChecking: () => void, signal: AbortSignal): Promise<Id> {
  for (;;) {
    const slide = slideIn(await requestHeaders("HEAD", `uploads/${upload}`, { headers: TUS, signal }));
    if (slide !== null) return slide;
    onChecking();
    await pause(CHECK_MS);
  }
}

export function startUpload(job: UploadJob, events: UploadEvents): RunningUpload {
  const stopping = new AbortController();
  const { signal } = stopping;
  let upload: string | null = null;

  const run = async (): Promise<Arrived> => {
    const sha256 = await digestOf(job.file, events.onHashing, signal);
    signal.throwIfAborted();
    const announced = await announce(job, sha256, signal);
    if (announced.slide !== null) return { slide: announced.slide, isHere: true };
    upload = announced.upload;
    await sendBytes({ file: job.file, upload, onSending: events.onSending, signal });
    return { slide: await slideOf(upload, events.onChecking, signal), isHere: false };
  };

  run().then(
    (arrived) => {
      if (!signal.aborted) events.onDone(arrived);
    },
    async (error: unknown) => {
      if (signal.aborted) return;
      const reason = await explained(refusal(error), job.person);
      if (!signal.aborted) events.onError(reason);
    },
  );
  return {
    pause: () => stopping.abort(),
    stop: () => {
      stopping.abort();
      if (upload) throwAwayUpload(upload).catch(() => undefined);
    },
  };
}
