/** Sending a slide: hash it, then tus: in pieces, resumable at any byte, also after the tab was closed. */

import { DetailedError, Upload } from "tus-js-client";

import type { HashMessage } from "./hash.worker";
import { ApiError, apiUrl, csrfHeaders } from "./request";
import type { Id } from "./types";

const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_MS = [0, 1000, 3000, 5000, 10_000];

export interface UploadEvents {
  onHashing: (done: number) => void;
  onSending: (sent: number) => void;
  onDone: (slide: Id | null) => void;
  onError: (error: ApiError) => void;
}

export interface RunningUpload {
  /** Stop for good; what the server has of it is thrown away. */
  stop: () => void;
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

/** The digest of a file in hex, worked out away from the page. */
function hashFile(file: File, onProgress: (done: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { type: "module" });
    const end = () => worker.terminate();
    signal.addEventListener("abort", end);
    worker.onerror = () => {
      end();
      reject(new Error("The file could not be read. Is it still in its place?"));
    };
    worker.onmessage = ({ data }: MessageEvent<HashMessage>) => {
      if ("done" in data) return onProgress(data.done);
      end();
      if ("hex" in data) resolve(data.hex);
      else reject(new Error("The file could not be read. Is it still in its place?"));
    };
    worker.postMessage(file);
  });
}

function refusal(error: Error | DetailedError): ApiError {
  const response = error instanceof DetailedError ? error.originalResponse : null;
  if (!response) {
    const isOffline = error instanceof DetailedError;
    return new ApiError(isOffline ? "The server cannot be reached." : error.message, {
      code: isOffline ? "offline" : "file_unreadable",
      status: isOffline ? 0 : 400,
    });
  }
  const status = response.getStatus();
  try {
    const { code, message } = JSON.parse(response.getBody()) as { code?: string; message?: string };
    return new ApiError(message ?? `The server refused the file (${status}).`, {
      code: code ?? "refused",
      status,
    });
  } catch {
    return new ApiError(`The server refused the file (${status}).`, { code: "refused", status });
  }
}

async function send(upload: Upload): Promise<void> {
  const previous = await upload.findPreviousUploads();
  if (previous[0]) upload.resumeFromPreviousUpload(previous[0]);
  upload.start();
}

export function startUpload(study: Id, file: File, events: UploadEvents): RunningUpload {
  const stopping = new AbortController();
  let upload: Upload | null = null;

  const begin = async (): Promise<void> => {
    const sha256 = await digestOf(file, events.onHashing, stopping.signal);
    if (stopping.signal.aborted) return;
    let slide: Id | null = null;
    upload = new Upload(file, {
      endpoint: apiUrl(`studies/${study}/uploads`),
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRY_MS,
      metadata: { filename: file.name, sha256 },
      removeFingerprintOnSuccess: true,
      onBeforeRequest: (request) => {
        for (const [name, value] of Object.entries(csrfHeaders())) request.setHeader(name, value);
      },
      onAfterResponse: (_request, response) => {
        const header = response.getHeader("X-Slide-Id");
        if (header) slide = Number(header);
      },
      onProgress: (sent) => events.onSending(sent),
      onSuccess: () => events.onDone(slide),
      onError: (error) => events.onError(refusal(error)),
    });
    await send(upload);
  };

  begin().catch((error: unknown) => {
    if (!stopping.signal.aborted)
      events.onError(refusal(error instanceof Error ? error : new Error(String(error))));
  });
  return {
    stop: () => {
      stopping.abort();
      upload?.abort(true).catch(() => undefined);
    },
  };
}
