/** The files on their way: state outside the page, so that walking to another page stops nothing. */

import type { ApiError } from "@/api/request";
import type { Id } from "@/api/types";
import { startUpload, type RunningUpload, type UploadEvents } from "@/api/uploads";

export type UploadPhase = "waiting" | "hashing" | "sending" | "paused" | "done" | "failed";

export interface UploadItem {
  readonly key: number;
  readonly study: Id;
  readonly file: File;
  readonly phase: UploadPhase;
  /** Bytes hashed or sent so far, by phase. */
  readonly bytes: number;
  readonly bytesPerSecond: number | null;
  readonly error: string | null;
}

type Start = (study: Id, file: File, events: UploadEvents) => RunningUpload;

export interface UploadQueueOptions {
  readonly start?: Start;
  readonly resumeMs?: number;
  readonly now?: () => number;
}

const AT_ONCE = 2;
/** Weight of the newest speed in the running mean: steady to read, quick to follow. */
const NEWEST = 0.25;
const SAMPLE_MS = 250;

const ACTIVE: readonly UploadPhase[] = ["hashing", "sending"];

export const isUnderWay = ({ phase }: UploadItem): boolean => phase !== "done" && phase !== "failed";

/** Seconds left of an item that is being sent, where its speed is known. */
export function secondsLeft({ phase, file, bytes, bytesPerSecond }: UploadItem): number | null {
  return phase === "sending" && bytesPerSecond ? (file.size - bytes) / bytesPerSecond : null;
}

export class UploadQueue {
  /** Told each time a file has arrived whole. */
  onArrived: ((study: Id) => void) | null = null;
  private items: readonly UploadItem[] = [];
  private nextKey = 1;
  private readonly running = new Map<number, RunningUpload>();
  private readonly samples = new Map<number, { at: number; bytes: number }>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly options: UploadQueueOptions = {}) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): readonly UploadItem[] => this.items;

  add(study: Id, files: readonly File[]): void {
    const fresh = files.map((file): UploadItem => {
      const key = this.nextKey++;
      return { key, study, file, phase: "waiting", bytes: 0, bytesPerSecond: null, error: null };
    });
    this.items = [...this.items, ...fresh];
    this.fill();
  }

  retry(key: number): void {
    this.change(key, { phase: "waiting", error: null, bytes: 0 });
    this.fill();
  }

  /** Stop an item, or clear it from the list when it has ended. */
  remove(key: number): void {
    this.running.get(key)?.stop();
    this.forget(key);
    this.items = this.items.filter((item) => item.key !== key);
    this.fill();
  }

  clearFinished(): void {
    this.items = this.items.filter(isUnderWay);
    this.tell();
  }

  /** Somebody else may sign in next: nothing goes out under their name. */
  clear(): void {
    for (const { key } of this.items) this.remove(key);
  }

  private fill(): void {
    const busy = this.items.filter(({ phase }) => ACTIVE.includes(phase)).length;
    const next = this.items.filter(({ phase }) => phase === "waiting").slice(0, Math.max(0, AT_ONCE - busy));
    for (const item of next) this.begin(item);
    this.tell();
  }

  private begin({ key, study, file }: UploadItem): void {
    const start = this.options.start ?? startUpload;
    this.change(key, { phase: "hashing", bytes: 0, bytesPerSecond: null });
    this.running.set(
      key,
      start(study, file, {
        onHashing: (bytes) => this.change(key, { bytes }),
        onSending: (bytes) =>
          this.change(key, { phase: "sending", bytes, bytesPerSecond: this.speed(key, bytes) }),
        onDone: () => this.end(key, { phase: "done", bytes: file.size }, () => this.onArrived?.(study)),
        onError: (error) => this.fail(key, error),
      }),
    );
  }

  private fail(key: number, error: ApiError): void {
    if (!error.isTransient) return this.end(key, { phase: "failed", error: error.message });
    this.end(key, { phase: "paused" });
    setTimeout(() => {
      if (this.items.some((item) => item.key === key && item.phase === "paused")) this.retry(key);
    }, this.options.resumeMs ?? 10_000);
  }

  private end(key: number, change: Partial<UploadItem>, then?: () => void): void {
    this.forget(key);
    this.change(key, change);
    then?.();
    this.fill();
  }

  private forget(key: number): void {
    this.running.delete(key);
    this.samples.delete(key);
  }

  private speed(key: number, bytes: number): number | null {
    const now = (this.options.now ?? performance.now.bind(performance))();
    const before = this.samples.get(key);
    const known = this.items.find((item) => item.key === key)?.bytesPerSecond ?? null;
    if (before && now - before.at < SAMPLE_MS) return known;
    this.samples.set(key, { at: now, bytes });
    if (!before || bytes < before.bytes) return known;
    const newest = ((bytes - before.bytes) * 1000) / (now - before.at);
    return known === null ? newest : known + NEWEST * (newest - known);
  }

  private change(key: number, change: Partial<UploadItem>): void {
    this.items = this.items.map((item) => (item.key === key ? { ...item, ...change } : item));
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

export const uploadQueue = new UploadQueue();
