import { beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError } from "@/api/request";
import type { UploadEvents } from "@/api/uploads";
import { secondsLeft, totalsOf, UploadQueue } from "@/features/slides/uploadQueue";

const file = (name: string, size = 1000): File => new File([new Uint8Array(size)], name, { lastModified: 1 });
const ANA = 1;
const BEN = 2;

interface Started {
  readonly name: string;
  readonly person: number;
  readonly events: UploadEvents;
  readonly pause: ReturnType<typeof vi.fn>;
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
    start: ({ file: { name }, person }, events) => {
      const one = { name, person, events, pause: vi.fn(), stop: vi.fn() };
      started.push(one);
      return one;
    },
  });
  queue.setPerson(ANA);
});

const phases = (): string[] => queue.snapshot().map(({ file, phase }) => `${file.name} ${phase}`);
const key = (name: string): number => {
  const found = queue.snapshot().find((item) => item.file.name === name);
  if (!found) throw new Error(`${name} is not in the list`);
  return found.key;
};
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
    events("a").onDone({ slide: 7, isHere: false });
    expect(phases()).toEqual(["a done", "b hashing", "c hashing"]);
  });

  it("tells the study of each file that has arrived", () => {
    const arrived = vi.fn();
    queue.onChanged = arrived;
    queue.add(3, [file("a")]);
    events("a").onDone({ slide: 7, isHere: false });
    expect(arrived).toHaveBeenCalledExactlyOnceWith(3, true);
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
    queue.release(key("a"));
    expect(phases()).toEqual(["a hashing"]);
  });

  it("stops what is taken off the list and begins the next", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    queue.remove(key("a"));
    expect(started[0]?.stop).toHaveBeenCalledOnce();
    expect(phases()).toEqual(["b hashing", "c hashing"]);
  });

  it("clears what has ended and nothing else", () => {
    queue.add(1, [file("a"), file("b")]);
    events("a").onDone({ slide: 7, isHere: false });
    queue.clearFinished(1);
    expect(phases()).toEqual(["b hashing"]);
  });

  it("says that a file was here before, with its slide", () => {
    queue.add(1, [file("a")]);
    events("a").onDone({ slide: 5, isHere: true });
    expect(queue.snapshot()[0]).toMatchObject({ phase: "done", slide: 5, isHere: true });
  });

  it("lets the next one begin while the server checks one that has arrived", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    events("a").onChecking();
    events("a").onChecking();
    expect(phases()).toEqual(["a checking", "b hashing", "c hashing"]);
  });

  it("does not send a file twice that is on its way", () => {
    queue.add(1, [file("a")]);
    queue.add(1, [file("a")]);
    expect(phases()).toEqual(["a hashing"]);
    queue.add(2, [file("a")]);
    queue.add(1, [file("a", 999)]);
    expect(queue.snapshot()).toHaveLength(3);
  });
});

describe("pausing", () => {
  it("keeps what was sent, gives the place to the next one, and goes on when asked", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    events("a").onSending(400);
    queue.hold(key("a"));
    expect(started[0]?.pause).toHaveBeenCalledOnce();
    expect(started[0]?.stop).not.toHaveBeenCalled();
    expect(phases()).toEqual(["a held", "b hashing", "c hashing"]);
    expect(queue.snapshot()[0]?.sent).toBe(400);
    queue.release(key("a"));
    expect(phases()).toEqual(["a waiting", "b hashing", "c hashing"]);
    events("b").onDone({ slide: 1, isHere: false });
    expect(phases()[0]).toBe("a hashing");
  });

  it("holds all of a study and lets all go on", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    queue.add(2, [file("d")]);
    queue.holdAll(1);
    expect(phases()).toEqual(["a held", "b held", "c held", "d hashing"]);
    queue.releaseAll(1);
    expect(phases()).toEqual(["a hashing", "b waiting", "c waiting", "d hashing"]);
  });

  it("goes on with a held file that is dropped again", () => {
    queue.add(1, [file("a")]);
    queue.hold(key("a"));
    queue.add(1, [file("a")]);
    expect(phases()).toEqual(["a hashing"]);
  });

  it("goes on at once when the network is back", () => {
    queue.add(1, [file("a")]);
    events("a").onError(new ApiError("unreachable", { code: "offline", status: 0 }));
    queue.retryNow();
    expect(phases()).toEqual(["a hashing"]);
  });
});

describe("all together", () => {
  it("sums up bytes, speed and time left, without what is paused", () => {
    queue.add(1, [file("a"), file("b"), file("c", 500)]);
    for (const name of ["a", "b"]) events(name).onSending(0);
    now = 1000;
    events("a").onSending(100);
    events("b").onSending(300);
    expect(totalsOf(queue.snapshot())).toEqual({
      sent: 400,
      size: 2500,
      bytesPerSecond: 400,
      secondsLeft: 2100 / 400,
    });
    queue.hold(key("b"));
    expect(totalsOf(queue.snapshot())).toMatchObject({ sent: 400, bytesPerSecond: 100, secondsLeft: 14 });
  });

  it("promises no time where nothing is known", () => {
    queue.add(1, [file("a")]);
    expect(totalsOf(queue.snapshot())).toMatchObject({ bytesPerSecond: null, secondsLeft: null });
  });
});

describe("who is signed in", () => {
  it("stops at the sign-out, throws nothing away, and goes on for the same person", () => {
    queue.add(1, [file("a"), file("b"), file("c")]);
    events("a").onSending(400);
    queue.setPerson(null);
    expect(queue.snapshot()).toEqual([]);
    expect(started.map(({ pause, stop }) => [pause.mock.calls.length, stop.mock.calls.length])).toEqual([
      [1, 0],
      [1, 0],
    ]);
    queue.setPerson(ANA);
    expect(phases()).toEqual(["a hashing", "b hashing", "c waiting"]);
    expect(queue.snapshot()[0]?.sent).toBe(400);
  });

  it("sends and shows nothing of it to another person", () => {
    queue.add(1, [file("a")]);
    queue.setPerson(null);
    queue.setPerson(BEN);
    expect(queue.snapshot()).toEqual([]);
    queue.add(1, [file("b")]);
    expect(started.map(({ name, person }) => [name, person])).toEqual([
      ["a", ANA],
      ["b", BEN],
    ]);
    queue.setPerson(ANA);
    expect(phases()).toEqual(["a hashing"]);
    expect(started.at(-1)).toMatchObject({ name: "a", person: ANA });
  });

  it.each([
    [401, "not_authenticated"],
    [409, "upload_other_person"],
  ])("waits for its person where the server answers %i %s", (status, code) => {
    queue.onSignedOut = vi.fn();
    queue.add(1, [file("a")]);
    events("a").onError(new ApiError("Sign in.", { code, status }));
    expect(phases()).toEqual(["a away"]);
    expect(queue.onSignedOut).toHaveBeenCalledOnce();
    queue.setPerson(ANA);
    expect(phases()).toEqual(["a hashing"]);
  });

  it("leaves what its person paused alone", () => {
    queue.add(1, [file("a")]);
    queue.hold(key("a"));
    queue.setPerson(null);
    queue.setPerson(ANA);
    expect(phases()).toEqual(["a held"]);
  });

  it("takes no file where nobody is signed in", () => {
    queue.setPerson(null);
    queue.add(1, [file("a")]);
    queue.setPerson(ANA);
    expect(queue.snapshot()).toEqual([]);
  });
});
