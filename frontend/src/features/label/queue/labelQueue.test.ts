import "fake-indexeddb/auto";

import { afterEach, describe, expect, it } from "vitest";

import { openJournal } from "./journal";
import { LabelQueue, type QueueOptions } from "./labelQueue";
import type { ChangeOperation, CreateOperation, Operation, PatchRef } from "./operations";

const ANA = 1;
const LUIS = 2;
let database = 0;
const queues: LabelQueue[] = [];

const freshName = (): string => `labels-${(database += 1)}`;

function queueOf(name: string, options: Partial<QueueOptions>): LabelQueue {
  const send = () => Promise.resolve({ patchId: 1 });
  const queue = new LabelQueue({ send, journal: () => openJournal(name), delayMs: () => 5, ...options });
  queues.push(queue);
  return queue;
}

afterEach(() => queues.splice(0).forEach((queue) => queue.stop()));

const create = (clientKey: string, userId = ANA): CreateOperation => ({
  kind: "create",
  clientKey,
  userId,
  slideId: 3,
  x: 100,
  y: 200,
  classId: 1,
  at: "2026-01-01T00:00:00Z",
});

const change = (clientKey: string, target: PatchRef, classId: number | null): ChangeOperation => ({
  kind: "change",
  clientKey,
  userId: ANA,
  slideId: 3,
  x: 100,
  y: 200,
  classId,
  target,
  at: "2026-01-01T00:00:01Z",
});

const refusal = (status: number, message = "", code = "") =>
  Object.assign(new Error(message), { status, code });

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(condition()).toBe(true);
}

describe("the label queue", () => {
  it("shows a label at once and forgets it when saved", async () => {
    const saved: number[] = [];
    const queue = queueOf(freshName(), {
      send: () => Promise.resolve({ patchId: 77 }),
      onSaved: (_operation, { patchId }) => saved.push(patchId),
    });
    await queue.setUser(ANA);
    const adding = queue.add(create("a"));
    expect(queue.getState().waiting.map((operation) => operation.clientKey)).toEqual(["a"]);
    await adding;
    expect(queue.getState()).toMatchObject({ waiting: [], refused: [], savedCount: 1, isKept: true });
    expect(saved).toEqual([77]);
  });

  it("keeps what waits over a closed tab, in order, and sends it on the next visit", async () => {
    const name = freshName();
    const first = queueOf(name, { send: () => Promise.reject(new TypeError("Failed to fetch")) });
    await first.setUser(ANA);
    for (const key of ["c", "a", "b"]) await first.add(create(key));
    expect(first.getState()).toMatchObject({ trouble: "offline" });
    expect(first.getState().waiting).toHaveLength(3);
    first.stop();

    const sent: string[] = [];
    const second = queueOf(name, {
      send: (operation) => Promise.resolve(sent.push(operation.clientKey)).then(() => ({ patchId: 1 })),
    });
    await second.setUser(ANA);
    expect(sent).toEqual(["c", "a", "b"]);
    expect(await (await openJournal(name)).load()).toEqual([]);
  });

  it("tries again by itself until the server answers, with the same key", async () => {
    const keys: string[] = [];
    const queue = queueOf(freshName(), {
      send: (operation) => {
        keys.push(operation.clientKey);
        return keys.length < 4 ? Promise.reject(refusal(503)) : Promise.resolve({ patchId: 9 });
      },
    });
    await queue.setUser(ANA);
    await queue.add(create("a"));
    expect(queue.getState().trouble).toBe("server");
    await until(() => queue.getState().waiting.length === 0);
    expect(keys).toEqual(["a", "a", "a", "a"]);
    expect(queue.getState().trouble).toBeNull();
  });

  it("waits for a sign-in and sends nobody's labels under another name", async () => {
    const name = freshName();
    let signedIn = false;
    const sent: Operation[] = [];
    const send = (operation: Operation) => {
      if (!signedIn) return Promise.reject(refusal(401));
      sent.push(operation);
      return Promise.resolve({ patchId: sent.length });
    };
    const queue = queueOf(name, { send, delayMs: () => 60_000 });
    await queue.setUser(ANA);
    await queue.add(create("a"));
    expect(queue.getState().trouble).toBe("signedOut");

    signedIn = true;
    await queue.setUser(LUIS);
    expect(sent).toEqual([]);
    expect(queue.getState()).toMatchObject({ waiting: [], othersWaiting: 1 });
    await queue.setUser(ANA);
    expect(sent.map((operation) => operation.userId)).toEqual([ANA]);
  });

  it("keeps a refused label with the reason and goes on with the next", async () => {
    const queue = queueOf(freshName(), {
      send: ({ clientKey }) =>
        clientKey === "bad"
          ? Promise.reject(refusal(400, "The patch is unreadable."))
          : Promise.resolve({ patchId: 5 }),
    });
    await queue.setUser(ANA);
    void queue.add(create("bad"));
    await queue.add(create("good"));
    await until(() => queue.getState().waiting.length === 0);
    expect(queue.getState().refused).toMatchObject([
      { clientKey: "bad", refusal: "The patch is unreadable." },
    ]);
    await queue.discardRefused("bad");
    expect(queue.getState().refused).toEqual([]);
  });

  it("sends a refused label again when asked", async () => {
    let isOpen = false;
    const queue = queueOf(freshName(), {
      send: () =>
        isOpen ? Promise.resolve({ patchId: 5 }) : Promise.reject(refusal(403, "Not yet a member.")),
    });
    await queue.setUser(ANA);
    await queue.add(create("a"));
    expect(queue.getState().refused).toHaveLength(1);
    isOpen = true;
    await queue.retryRefused("a");
    expect(queue.getState()).toMatchObject({ refused: [], waiting: [], savedCount: 1 });
  });

  it("names the patch of a change once its label is saved, over a closed tab too", async () => {
    const name = freshName();
    let answers = 0;
    const first = queueOf(name, {
      delayMs: () => 60_000,
      send: () =>
        (answers += 1) === 1 ? Promise.resolve({ patchId: 41 }) : Promise.reject(new TypeError("offline")),
    });
    await first.setUser(ANA);
    const [one, two] = [first.add(create("a")), first.add(change("b", { createKey: "a" }, 2))];
    await Promise.all([one, two]);
    await until(() => first.getState().trouble === "offline");
    first.stop();

    const sent: Operation[] = [];
    const second = queueOf(name, {
      send: (operation) => Promise.resolve(sent.push(operation)).then(() => ({ patchId: 41 })),
    });
    await second.setUser(ANA);
    expect(sent).toMatchObject([{ clientKey: "b", target: { patchId: 41 }, classId: 2 }]);
  });

  it("names the patch of a later undo by its id", async () => {
    const sent: Operation[] = [];
    const queue = queueOf(freshName(), {
      send: (operation) => Promise.resolve(sent.push(operation)).then(() => ({ patchId: 8 })),
    });
    await queue.setUser(ANA);
    await queue.add(create("a"));
    await queue.add(change("b", { createKey: "a" }, null));
    expect(sent[1]).toMatchObject({ target: { patchId: 8 }, classId: null });
  });

  it("refuses what was done to a patch that never came to be", async () => {
    const queue = queueOf(freshName(), { send: () => Promise.reject(refusal(400, "Too small.")) });
    await queue.setUser(ANA);
    void queue.add(create("a"));
    await queue.add(change("b", { createKey: "a" }, 2));
    await until(() => queue.getState().waiting.length === 0);
    expect(queue.getState().refused.map((entry) => entry.clientKey)).toEqual(["a", "b"]);
  });

  it("says when the browser keeps nothing, and still sends", async () => {
    const queue = queueOf(freshName(), { journal: () => Promise.reject(new Error("no storage")) });
    await queue.setUser(ANA);
    await queue.add(create("a"));
    expect(queue.getState()).toMatchObject({ isKept: false, waiting: [], savedCount: 1 });
  });
});
