import { beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError } from "@/api/request";
import type { UploadEvents } from "@/api/uploads";
import { secondsLeft, UploadQueue } from "@/features/slides/uploadQueue";

const file = (name: string, size = 1000): File => new File([new Uint8Array(size)], name);

interface Started {
  readonly name: string;
  readonly events: UploadEvents;
  readonly stop: ReturnType<typeof vi.fn>;
}

let started: Started[];
let now: number;
let queue: UploadQueue;

beforeEach(() => {
  started = [];
  now = 0;
  queue = new UploadQueue({
    resumeMs: 20,
    now: () => now,
    start: (_study, { name }, events) => {
      const stop = vi.fn();
      started.push({ name, events, stop });
      return { stop };
    },
  });
});

const phases = (): string[] => queue.snapshot().map(({ file, phase }) => `${file.name} ${phase}`);
const events = (name: string): UploadEvents => {
  const found = started.findLast((one) => one.name === name);
  if (!found) throw new Error(`${name} was not started`);
  return found.events;
};

describe("the upload queue", () => {
  it("sends two at once and the third when one has arrived", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    expect(phases()).toEqual(["a hashing", "b hashing", "c waiting"]);
    events("a").onSending(400);
    events("a").onDone(7);
    expect(phases()).toEqual(["a done", "b hashing", "c hashing"]);
  });

  it("tells the study of each file that has arrived", () => {
    const arrived = vi.fn();
    queue.onArrived = arrived;
    queue.add(3, [file("a")]);
    events("a").onDone(null);
    expect(arrived).toHaveBeenCalledExactlyOnceWith(3);
  });

  it("works out speed and time left from what was sent", () => {
    queue.add(1, [file("a", 1000)]);
    events("a").onSending(0);
    now = 1000;
    events("a").onSending(200);
    const item = queue.snapshot()[0];
    expect(item?.bytesPerSecond).toBe(200);
    expect(item && secondsLeft(item)).toBe(4);
  });

  it("does not jump at every small piece", () => {
    queue.add(1, [file("a", 1000)]);
    events("a").onSending(0);
    now = 1000;
    events("a").onSending(200);
    now = 1100;
    events("a").onSending(900);
    expect(queue.snapshot()[0]?.bytesPerSecond).toBe(200);
  });

  it("goes on by itself when the line was down", async () => {
    queue.add(1, [file("a")]);
    events("a").onError(new ApiError("unreachable", { code: "offline", status: 0 }));
    expect(phases()).toEqual(["a paused"]);
    await vi.waitFor(() => expect(phases()).toEqual(["a hashing"]));
    expect(started).toHaveLength(2);
  });

  it("says why a file was refused, and tries again only when asked", () => {
    queue.add(1, [file("a")]);
    events("a").onError(new ApiError("The disk is full.", { code: "disk_full", status: 400 }));
    expect(queue.snapshot()[0]).toMatchObject({ phase: "failed", error: "The disk is full." });
    expect(started).toHaveLength(1);
    queue.retry(queue.snapshot()[0]?.key ?? 0);
    expect(phases()).toEqual(["a hashing"]);
  });

  it("stops what is taken off the list and begins the next", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    queue.remove(queue.snapshot()[0]?.key ?? 0);
    expect(started[0]?.stop).toHaveBeenCalledOnce();
    expect(phases()).toEqual(["b hashing", "c hashing"]);
  });

  it("clears what has ended and nothing else", () => {
    queue.add(1, [file("a"), file("b")]);
    events("a").onDone(1);
    queue.clearFinished();
    expect(phases()).toEqual(["b hashing"]);
  });

  it("sends nothing on when somebody signs out", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    queue.clear();
    expect(queue.snapshot()).toEqual([]);
    expect(started.filter(({ stop }) => stop.mock.calls.length === 0)).toEqual([]);
  });
});
