/** Small pure parts: formats, rights, balances, file choice, people. */

import { describe, expect, it } from "vitest";

import { isRunning, newClientKey, pollWhile } from "@/api/polling";
import type { Role } from "@/api/types";
import { rightsIn } from "@/app/permissions";
import { peopleOf } from "@/features/people/people";
import { sortFiles } from "@/features/slides/acceptedFiles";
import { datasetTotals } from "@/features/training/dataset";
import { balanceOf } from "@/features/training/labels";
import { formatBytes, formatDensity, formatDuration, formatShare, secondsBetween, shortHash } from "@/format";

import { me, member, study, summary } from "./factories";

describe("formats", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [12_300, "12 KB"],
    [88_400_000, "88 MB"],
    [2_500_000_000, "2.5 GB"],
  ])("%i bytes", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0.2, "0 s"],
    [59, "59 s"],
    [74, "1 min 14 s"],
    [120, "2 min"],
    [725, "12 min"],
    [3600, "1 h"],
    [7500, "2 h 5 min"],
    [-3, "0 s"],
  ])("%d seconds", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("shares, densities, hashes and spans", () => {
    expect(formatShare(0.9745)).toMatch(/^97\.[45].%$/);
    expect(formatShare(null)).toBe("–");
    expect(formatDensity(1234.5)).toBe("1,230");
    expect(shortHash("ab".repeat(32))).toBe("abababababab");
    expect(secondsBetween("2026-11-20T10:00:00Z", "2026-11-20T10:11:40Z")).toBe(700);
  });
});

describe("polling", () => {
  it.each(["queued", "running", "processing"])("goes on while %s", (state) => {
    expect(pollWhile(isRunning(state))).toBe(1000);
  });

  it.each(["done", "incomplete", "failed", "cancelled", "ready", undefined])("stops at %s", (state) => {
    expect(pollWhile(isRunning(state))).toBe(false);
  });

  it("draws client keys as UUIDs of version 4, never the same", () => {
    const keys = Array.from({ length: 50 }, newClientKey);
    expect(new Set(keys).size).toBe(50);
    for (const key of keys)
      expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("rights", () => {
  const nothing = { isAdmin: false, canUpload: false, canLabel: false, canDetect: false };
  it.each<[Role[], boolean, Partial<typeof nothing>]>([
    [[], false, {}],
    [["pathologist"], false, { canLabel: true }],
    [["lab"], false, { canUpload: true, canDetect: true }],
    [["pathologist", "lab"], false, { canLabel: true, canUpload: true, canDetect: true }],
    [["admin"], false, { isAdmin: true, canUpload: true, canLabel: true, canDetect: true }],
    [[], true, { isAdmin: true, canUpload: true, canLabel: true, canDetect: true }],
  ])("of %j, site admin %s", (roles, isSiteAdmin, expected) => {
    expect(rightsIn({ roles }, isSiteAdmin)).toEqual({ ...nothing, ...expected });
  });

  it("are none while the study is not known", () => expect(rightsIn(undefined, false)).toEqual(nothing));
});

describe("label balance", () => {
  const { classes } = study();
  it.each([
    [0, 0, false, null],
    [9, 500, false, null],
    [10, 10, true, null],
    [100, 400, true, null],
    [100, 500, true, 5],
  ])("%i against %i", (positive, negative, isEnough, ratio) => {
    expect(balanceOf(classes, summary(positive, negative))).toEqual({ positive, negative, isEnough, ratio });
  });
});

it("adds up the sides of a data set", () => {
  const counts = {
    train: { positive: 830, negative: 802 },
    validation: { positive: 276, negative: 267 },
    test: { positive: 277, negative: 265 },
  };
  expect(datasetTotals({ counts })).toEqual({ train: 1632, validation: 543, test: 542 });
});

describe("files", () => {
  const file = (name: string, size = 10) => new File([new Uint8Array(size)], name);

  it("takes what the server can read, whatever the case of its ending", () => {
    const files = [
      file("a.svs"),
      file("B.TIFF"),
      file("c.tif"),
      file("d.png"),
      file("e.jpg"),
      file("f.JPEG"),
      file("g.zip"),
    ];
    expect(sortFiles(files)).toEqual({ accepted: files, refused: [], toZip: [] });
  });

  it("names what it leaves out, and why", () => {
    const { accepted, refused } = sortFiles([file("a.pdf"), file("b.svs", 0), file("c")]);
    expect(accepted).toEqual([]);
    expect(refused).toEqual([
      expect.stringContaining("a.pdf: this kind of file cannot be read"),
      "b.svs is empty.",
      expect.stringContaining("c: this kind"),
    ]);
  });

  it("finds slides of several files, and takes none of their pictures for a slide", () => {
    const names = [
      "a.mrxs",
      "Data0000.dat",
      "b.vms",
      "b.jpg",
      "b_1,0.jpg",
      "b_map2.jpg",
      "IM1.DCM",
      "c.jpg",
      "b.svs",
    ];
    const { accepted, refused, toZip } = sortFiles(names.map((name) => file(name)));
    expect(accepted.map(({ name }) => name)).toEqual(["c.jpg", "b.svs"]);
    expect(refused).toEqual([expect.stringContaining("Data0000.dat: this kind")]);
    expect(toZip).toEqual(["a.mrxs", "b.vms", "IM1.DCM"]);
  });
});

it("puts the roles of one person together, since the first of them", () => {
  const members = [
    member({ id: 1, role: "admin", created_at: "2026-11-05T00:00:00Z" }),
    member({ id: 2, role: "lab", user: me({ id: 2 }) }),
    member({ id: 3, role: "pathologist", created_at: "2026-11-01T00:00:00Z" }),
  ];
  const people = peopleOf(members);
  expect(people.map(({ roles }) => roles.map(({ id }) => id))).toEqual([[1, 3], [2]]);
  expect(people[0]?.since).toBe("2026-11-01T00:00:00Z");
});
