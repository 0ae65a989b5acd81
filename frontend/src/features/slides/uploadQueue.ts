/** The files on their way: state outside the page, so that walking to another page stops nothing. */

import type { ApiError } from "@/api/request";
import type { Id } from "@/api/types";
import {
  OTHER_PERSON,
  startUpload,
  type RunningUpload,
  type UploadEvents,
  type UploadJob,
} from "@/api/uploads";

/**
 * `paused`: the line is down, it goes on by itself. `held`: the person paused it. `away`: its person is signed out.
 * `checking`: all has arrived, the server works out the hash.
 */
export type UploadPhase =
  "waiting" | "hashing" | "sending" | "checking" | "paused" | "held" | "away" | "done" | "failed";

export interface UploadItem extends UploadJob {
  readonly key: number;
  readonly phase: UploadPhase;
  readonly hashed: number;
  readonly sent: number;
  readonly bytesPerSecond: number | null;
  readonly error: string | null;
  /** The slide it became, and whether the study had it before. */
  readonly slide: Id | null;
  readonly isHere: boolean;
}

type Start = (job: UploadJob, events: UploadEvents) => RunningUpload;

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
const IDLE: readonly UploadPhase[] = ["held", "away"];

export const isUnderWay = ({ phase }: UploadItem): boolean => phase !== "done" && phase !== "failed";
/** True where it goes on by itself: leaving the page would stop it. */
export const isBusy = (item: UploadItem): boolean => isUnderWay(item) && !IDLE.includes(item.phase);
export const canHold = (item: UploadItem): boolean => isBusy(item) && item.phase !== "checking";

/** Seconds left of an item that is being sent, where its speed is known. */
export function secondsLeft({ phase, file, sent, bytesPerSecond }: UploadItem): number | null {
  return phase === "sending" && bytesPerSecond ? (file.size - sent) / bytesPerSecond : null;
}

export interface Totals {
  readonly sent: number;
  readonly size: number;
  readonly bytesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

/** All that is under way, as one. */
export function totalsOf(items: readonly UploadItem[]): Totals {
  const sum = (of: (item: UploadItem) => number) => items.reduce((total, item) => total + of(item), 0);
  const [sent, size] = [sum((item) => item.sent), sum((item) => item.file.size)];
  const speed = sum((item) => (item.phase === "sending" ? (item.bytesPerSecond ?? 0) : 0)) || null;
  const left = size - sum((item) => (IDLE.includes(item.phase) ? item.file.size : item.sent));
  return { sent, size, bytesPerSecond: speed, secondsLeft: speed && left / speed };
}

const isSame = (one: File, other: File): boolean =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

const FRESH = { hashed: 0, sent: 0, bytesPerSecond: null, error: null, slide: null, isHere: false } as const;

export class UploadQueue {
  /** Told each time a file has arrived whole, and each time one stops on the way. */
  onChanged: ((study: Id, hasArrived: boolean) => void) | null = null;
  /** Told when the server knows this person no longer. */
  onSignedOut: (() => void) | null = null;
  private person: Id | null = null;
  private items: readonly UploadItem[] = [];
  private shown: readonly UploadItem[] = [];
  private nextKey = 1;
  private readonly running = new Map<number, RunningUpload>();
  private readonly samples = new Map<number, { at: number; bytes: number }>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly options: UploadQueueOptions = {}) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What belongs to the person who is signed in. */
  readonly snapshot = (): readonly UploadItem[] => this.shown;

  /** Who is signed in now: theirs goes on, everybody else's stops and is not shown. */
  readonly setPerson = (person: Id | null): void => {
    this.person = person;
    for (const item of this.items) {
      if (item.person !== person && isBusy(item)) this.halt(item.key, "away");
      if (item.person === person && item.phase === "away") this.change(item.key, { phase: "waiting" });
    }
    this.fill();
  };

  /** A file that is on its way already goes on; it is not sent twice. */
  add(study: Id, files: readonly File[]): void {
    const { person } = this;
    if (person === null) return;
    for (const file of files) {
      const known = this.shown.find((item) => item.study === study && isSame(item.file, file));
      if (known && known.phase !== "done") this.release(known.key);
      else
        this.items = [
          ...this.items,
          { key: this.nextKey++, study, file, person, phase: "waiting", ...FRESH },
        ];
    }
    this.fill();
  }

  /** Pause, until the person says otherwise. */
  hold(key: number): void {
    this.halt(key, "held");
    this.fill();
  }

  /** Go on with what was paused, or try again what failed. */
  release(key: number): void {
    const phase = this.item(key)?.phase;
    if (phase !== "held" && phase !== "failed" && phase !== "paused") return;
    this.change(key, { phase: "waiting", error: null });
    this.fill();
  }

  holdAll(study: Id): void {
    for (const item of this.shown) if (item.study === study && canHold(item)) this.halt(item.key, "held");
    this.fill();
  }

  releaseAll(study: Id): void {
    for (const item of this.shown) if (item.study === study && item.phase === "held") this.release(item.key);
  }

  /** The line may be back. */
  readonly retryNow = (): void => {
    for (const { key, phase } of this.shown) if (phase === "paused") this.release(key);
  };

  /** Stop an item for good, or clear it from the list when it has ended. */
  remove(key: number): void {
    this.running.get(key)?.stop();
    this.forget(key);
    this.items = this.items.filter((item) => item.key !== key);
    this.fill();
  }

  clearFinished(study: Id): void {
    this.items = this.items.filter(
      (item) => item.person !== this.person || item.study !== study || isUnderWay(item),
    );
    this.tell();
  }

  private item(key: number): UploadItem | undefined {
    return this.items.find((item) => item.key === key);
  }

  private fill(): void {
    const mine = this.items.filter(({ person }) => person === this.person);
    const busy = mine.filter(({ phase }) => ACTIVE.includes(phase)).length;
    const next = mine.filter(({ phase }) => phase === "waiting").slice(0, Math.max(0, AT_ONCE - busy));
    for (const item of next) this.begin(item);
    this.tell();
  }

  private begin({ key, study, file, person }: UploadItem): void {
    const start = this.options.start ?? startUpload;
    this.change(key, { phase: "hashing", bytesPerSecond: null });
    this.running.set(
      key,
      start(
        { study, file, person },
        {
          onHashing: (hashed) => this.change(key, { hashed }),
          onSending: (sent) =>
            this.change(key, { phase: "sending", sent, bytesPerSecond: this.speed(key, sent) }),
          onChecking: () => {
            if (this.item(key)?.phase === "checking") return;
            this.change(key, { phase: "checking", sent: file.size });
            this.fill();
          },
          onDone: (arrived) => this.end(key, { phase: "done", sent: file.size, ...arrived }),
          onError: (error) => this.fail(key, error),
        },
      ),
    );
  }

  private fail(key: number, error: ApiError): void {
    if (error.status === 401 || error.code === OTHER_PERSON) {
      this.end(key, { phase: "away" });
      return this.onSignedOut?.();
    }
    if (!error.isTransient) return this.end(key, { phase: "failed", error: error.message });
    this.end(key, { phase: "paused" });
    setTimeout(() => {
      if (this.item(key)?.phase === "paused") this.release(key);
    }, this.options.resumeMs ?? 10_000);
  }

  private halt(key: number, phase: "held" | "away"): void {
    this.running.get(key)?.pause();
    this.forget(key);
    this.change(key, { phase, bytesPerSecond: null });
  }

  private end(key: number, change: Partial<UploadItem>): void {
    this.forget(key);
    this.change(key, { bytesPerSecond: null, ...change });
    const study = this.item(key)?.study;
    if (study !== undefined) this.onChanged?.(study, change.phase === "done");
    this.fill();
  }

  private forget(key: number): void {
    this.running.delete(key);
    this.samples.delete(key);
  }

  private speed(key: number, bytes: number): number | null {
    const now = (this.options.now ?? performance.now.bind(performance))();
    const before = this.samples.get(key);
    const known = this.item(key)?.bytesPerSecond ?? null;
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
    this.shown = this.items.filter(({ person }) => person === this.person);
    for (const listener of this.listeners) listener();
  }
}

export const uploadQueue = new UploadQueue();
