import { describe, expect, it } from "vitest";

import { verdictOn } from "./verdict";

const answer = (status: number, code = "", message = "no") => ({ status, code, message });

describe("the verdict on a failed save", () => {
  it.each([
    [new TypeError("Failed to fetch"), { kind: "later", why: "offline" }],
    [answer(0), { kind: "later", why: "offline" }],
    [answer(500), { kind: "later", why: "server" }],
    [answer(429), { kind: "later", why: "server" }],
    [answer(403, "csrf_failed"), { kind: "later", why: "server" }],
    [answer(401), { kind: "signedOut" }],
    [answer(403, "not_authenticated"), { kind: "signedOut" }],
    [answer(403, "permission_denied"), { kind: "refused", reason: "no" }],
    [
      answer(400, "patch_unreadable", "The patch cannot be read."),
      { kind: "refused", reason: "The patch cannot be read." },
    ],
    [answer(404), { kind: "refused", reason: "no" }],
  ])("%o", (error, verdict) => expect(verdictOn(error)).toEqual(verdict));
});
