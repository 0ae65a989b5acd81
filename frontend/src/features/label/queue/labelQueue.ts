/** The queue of labels on their way to the server: at once on screen, never dropped, sent once, in order. */

import { openJournal, type Journal } from "./journal";
import { isSamePatch, refOf, resolved, type JournalEntry, type Operation, type PatchRef } from "./operations";
import { verdictOn } from "./verdict";

/** Sends an operation; resolves with the id of the patch it concerns, and whatever else `onSaved` wants. */
export type Send<S extends Answer = Answer> = (operation: Operation) => Promise<S>;

interface Answer {
  readonly patchId: number;
}

export type Trouble = "offline" | "server" | "signedOut";

export interface QueueState {
  readonly waiting: readonly Operation[];
  readonly refused: readonly JournalEntry[];
  /** Labels of other people who used this browser: kept for them, sent when they sign in. */
  readonly othersWaiting: number;
  readonly trouble: Trouble | null;
  /** False where the browser offers no storage: what waits is then lost with the tab. */
  readonly isKept: boolean;
  readonly savedCount: number;
}

export interface QueueOptions<S extends Answer = Answer> {
  readonly send: Send<S>;
  readonly onSaved?: (operation: Operation, saved: S) => void;
  readonly journal?: () => Promise<Journal>;
  readonly delayMs?: (attempt: number) => number;
}

const backOff = (attempt: number): number =>
  Math.min(30_000, 500 * 2 ** attempt) * (0.75 + Math.random() / 2);

export class LabelQueue<S extends Answer = Answer> {
  private entries: JournalEntry[] = [];
  private userId: number | null = null;
  private journal: Journal | null = null;
  private readonly patchIds = new Map<string, number>();
  private readonly listeners = new Set<() => void>();
  private readonly opening: Promise<void>;
  private trouble: Trouble | null = null;
  private isKept = true;
  private savedCount = 0;
  private attempt = 0;
  private isDraining = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private state: QueueState;

  constructor(private readonly options: QueueOptions<S>) {
    this.state = this.snapshot();
    this.opening = this.open();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): QueueState => this.state;

  /** Says who is signed in: only their own labels are sent. */
  async setUser(userId: number | null): Promise<void> {
    this.userId = userId;
    this.trouble = null;
    await this.opening;
    this.changed();
    await this.drain();
  }

  async add(operation: Operation): Promise<void> {
    const entry = this.withKnownTarget(operation);
    this.entries.push(entry);
    this.changed();
    await this.opening;
    await this.write((journal) => journal.put([entry]));
    await this.drain();
  }

  /** Tries at once what waits: the network is back, or the person came back to the page. */
  readonly retryNow = (): void => {
    this.attempt = 0;
    clearTimeout(this.timer);
    void this.drain();
  };

  async retryRefused(clientKey: string): Promise<void> {
    this.entries = this.entries.map((entry) =>
      entry.clientKey === clientKey ? withoutRefusal(entry) : entry,
    );
    this.changed();
    await this.write((journal) => journal.put(this.entries.filter((entry) => entry.clientKey === clientKey)));
    await this.drain();
  }

  async discardRefused(clientKey: string): Promise<void> {
    this.remove(clientKey);
    this.changed();
    await this.write((journal) => journal.settle(clientKey, []));
  }

  /** The name a patch goes by now: its id, once the label that made it is saved. */
  readonly nowKnownAs = (ref: PatchRef): PatchRef => {
    const patchId = "createKey" in ref ? this.patchIds.get(ref.createKey) : undefined;
    return patchId === undefined ? ref : { patchId };
  };

  stop(): void {
    clearTimeout(this.timer);
    this.listeners.clear();
  }

  private async open(): Promise<void> {
    try {
      this.journal = await (this.options.journal ?? openJournal)();
      const stored = await this.journal.load();
      const known = new Set(this.entries.map((entry) => entry.clientKey));
      this.entries = [...stored.filter((entry) => !known.has(entry.clientKey)), ...this.entries];
    } catch {
      this.isKept = false;
    }
    this.changed();
  }

  private async write(change: (journal: Journal) => Promise<void>): Promise<void> {
    if (!this.journal) return;
    try {
      await change(this.journal);
    } catch {
      this.isKept = false;
      this.changed();
    }
  }

  private mine(): JournalEntry[] {
    return this.entries.filter((entry) => entry.userId === this.userId);
  }

  private async drain(): Promise<void> {
    if (this.isDraining || this.userId === null) return;
    this.isDraining = true;
    clearTimeout(this.timer);
    try {
      let next = this.state.waiting[0];
      while (next && (await this.attemptOne(next))) next = this.state.waiting[0];
    } finally {
      this.isDraining = false;
    }
  }

  /** Sends one operation; false where the rest must wait. */
  private async attemptOne(operation: Operation): Promise<boolean> {
    try {
      await this.settle(operation, await this.options.send(operation));
    } catch (error) {
      const verdict = verdictOn(error);
      if (verdict.kind === "refused") await this.refuse(operation, verdict.reason);
      else this.wait(verdict.kind === "signedOut" ? "signedOut" : verdict.why);
      return verdict.kind === "refused";
    }
    return true;
  }

  private async settle(operation: Operation, saved: S): Promise<void> {
    const { patchId } = saved;
    this.attempt = 0;
    this.trouble = null;
    this.savedCount += 1;
    if (operation.kind === "create") this.patchIds.set(operation.clientKey, patchId);
    this.options.onSaved?.(operation, saved);
    this.remove(operation.clientKey);
    const before = this.entries;
    this.entries = before.map((entry) => resolved(entry, operation.clientKey, patchId));
    const rewritten = this.entries.filter((entry, index) => entry !== before[index]);
    this.changed();
    await this.write((journal) => journal.settle(operation.clientKey, rewritten));
  }

  /** Marks an operation refused, and with it what was done to the same patch that now never came to be. */
  private async refuse(operation: Operation, refusal: string): Promise<void> {
    const isTouched = (entry: JournalEntry): boolean =>
      entry.clientKey === operation.clientKey ||
      (operation.kind === "create" && isSamePatch(refOf(entry), { createKey: operation.clientKey }));
    this.entries = this.entries.map((entry) => (isTouched(entry) ? { ...entry, refusal } : entry));
    this.changed();
    await this.write((journal) => journal.put(this.entries.filter(isTouched)));
  }

  private wait(trouble: Trouble): void {
    this.trouble = trouble;
    this.changed();
    const delay = (this.options.delayMs ?? backOff)(this.attempt);
    this.attempt += 1;
    this.timer = setTimeout(() => void this.drain(), delay);
  }

  private withKnownTarget(operation: Operation): Operation {
    return operation.kind === "change"
      ? { ...operation, target: this.nowKnownAs(operation.target) }
      : operation;
  }

  private remove(clientKey: string): void {
    this.entries = this.entries.filter((entry) => entry.clientKey !== clientKey);
  }

  private snapshot(): QueueState {
    const mine = this.mine();
    return {
      waiting: mine.filter((entry) => entry.refusal === undefined),
      refused: mine.filter((entry) => entry.refusal !== undefined),
      othersWaiting: this.entries.length - mine.length,
      trouble: this.trouble,
      isKept: this.isKept,
      savedCount: this.savedCount,
    };
  }

  private changed(): void {
    this.state = this.snapshot();
    this.listeners.forEach((listener) => listener());
  }
}

function withoutRefusal({ refusal: _refusal, ...entry }: JournalEntry): JournalEntry {
  return entry as JournalEntry;
}
