import { describe, expect, it } from "vitest";

import { announce } from "@/api/uploads";

import { pageOf, refusal, Reply, serve } from "./server";

const HASH = "ab".repeat(32);
const job = { study: 1, file: new File([new Uint8Array(10)], "Müller.svs"), person: 7 };
const unfinished = {
  id: "6f0c",
  file_name: "Müller.svs",
  size_bytes: 10,
  offset_bytes: 4,
  sha256: HASH,
  touched_at: "2026-11-20T10:00:00Z",
};

const decoded = (header: string | null): Record<string, string> =>
  Object.fromEntries(
    (header ?? "").split(",").map((pair) => {
      const [key = "", value = ""] = pair.split(" ");
      return [key, new TextDecoder().decode(Uint8Array.from(atob(value), (c) => c.charCodeAt(0)))];
    }),
  );

describe("announcing a file", () => {
  it("tells size, name, hash and whose it is", async () => {
    const server = serve({
      "GET studies/1/uploads": pageOf([]),
      "POST studies/1/uploads": new Reply(201, undefined, { Location: "/api/uploads/new1" }),
    });
    expect(await announce(job, HASH)).toEqual({ upload: "new1", slide: null });
    const headers = server.to("POST", "studies/1/uploads")[0]?.headers;
    expect(headers?.get("Upload-Length")).toBe("10");
    expect(headers?.get("Tus-Resumable")).toBe("1.0.0");
    expect(decoded(headers?.get("Upload-Metadata") ?? null)).toEqual({
      filename: "Müller.svs",
      sha256: HASH,
      person: "7",
    });
  });

  it("goes on with an upload that any page began", async () => {
    const server = serve({ "GET studies/1/uploads": pageOf([{ ...unfinished, sha256: "00" }, unfinished]) });
    expect(await announce(job, HASH)).toEqual({ upload: "6f0c", slide: null });
    expect(server.to("POST", "studies/1/uploads")).toEqual([]);
  });

  it("hears that the study has the file", async () => {
    serve({
      "GET studies/1/uploads": pageOf([]),
      "POST studies/1/uploads": new Reply(201, undefined, {
        Location: "/api/uploads/new1",
        "X-Slide-Id": "5",
      }),
    });
    expect(await announce(job, HASH)).toEqual({ upload: "new1", slide: 5 });
  });

  it("hands on the words of a refusal", async () => {
    serve({
      "GET studies/1/uploads": pageOf([]),
      "POST studies/1/uploads": refusal(413, "study_quota", "This study may hold 1.00 GB."),
    });
    await expect(announce(job, HASH)).rejects.toMatchObject({
      code: "study_quota",
      message: "This study may hold 1.00 GB.",
      isTransient: false,
    });
  });
});
