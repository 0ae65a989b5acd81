import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { DatasetDetail, DatasetFreeze, PatchSummary, Role } from "@/api/types";
import { START, wishOf } from "@/features/datasets/choice";

import { dataset, freeze, me, member, study, summary } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, Reply, serve } from "./server";

const first = dataset({ id: 1, number: 1, name: "Data set 1", split: "case", tile_px: null, total: 1200 });
const made = dataset({ id: 9, number: 3, name: "Summer" });

interface Scene {
  roles?: Role[];
  versions?: DatasetDetail[];
  freezes?: DatasetFreeze[];
  labels?: PatchSummary;
  answer?: unknown;
  address?: string;
}

function open({
  roles = ["admin"],
  versions = [dataset(), first],
  freezes = [],
  labels = summary(120, 110),
  answer = new Reply(201, freeze({ state: "queued" })),
  address = "/studies/1/datasets",
}: Scene = {}) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles }),
    "GET studies/1/patch-summary": labels,
    "GET studies/1/datasets": () => pageOf(versions),
    "GET datasets/9": made,
    "GET studies/1/members": [
      member(),
      member({ id: 22, role: "pathologist", user: me({ id: 3, name: "Lucía Paredes" }) }),
      member({ id: 23, role: "lab", user: me({ id: 4, name: "Jorge Huamán" }) }),
    ],
    "GET studies/1/dataset-freezes": () => pageOf(freezes),
    "POST studies/1/dataset-freezes": answer,
    "POST dataset-freezes/5/cancel": () => {
      freezes[0] = freeze({ state: "cancelled", progress: { done: 0, total: 0, message: "Cancelled" } });
      return freezes[0];
    },
    "GET dataset-freezes/5": () => freezes[0] ?? freeze(),
    "GET datasets/2/diff": { added: 1500, removed: 0, reclassed: 3, moved: 0 },
    ...Object.fromEntries(versions.map((version) => [`GET datasets/${version.id}`, version])),
  });
  return { server, ...openAt(address) };
}

const cellsOf = (table: HTMLElement): (string | null)[][] =>
  within(table)
    .getAllByRole("row")
    .slice(1)
    .map((row) => [
      within(row).getByRole("rowheader").textContent,
      ...within(row)
        .getAllByRole("cell")
        .map(({ textContent }) => textContent),
    ]);

beforeEach(() => vi.stubGlobal("scrollTo", () => undefined));

describe("a version", () => {
  it("shows its numbers by class, slide and reader on each side", async () => {
    open();
    expect(cellsOf(await screen.findByRole("table", { name: "Classes" }))).toEqual([
      ["Lymphocyte", "830", "276", "277", "1,383"],
      ["Other", "802", "267", "265", "1,334"],
    ]);
    expect(cellsOf(screen.getByRole("table", { name: "Slides" }))).toEqual([
      ["S001 · 26-4037", "1,500", "500", "500", "2,500"],
      ["Imported patches", "132", "43", "42", "217"],
    ]);
    expect(cellsOf(screen.getByRole("table", { name: "Readers" }))).toEqual([
      ["Lucía Paredes", "1,632", "543", "542", "2,717", "12"],
    ]);
  });

  it("tells how it came about and what was left out", async () => {
    const guarded = dataset({
      split: "place",
      guard_px: 35,
      refused_overlaps: 23,
      label: "reader",
      reader: { id: 3, name: "Lucía Paredes" },
      sources: ["import"],
      slides: [5, 6],
    });
    open({ versions: [guarded] });
    const view = await screen.findByRole("region", { name: "Spring" });
    const facts = Object.fromEntries(
      within(view)
        .getAllByRole("term")
        .map((term) => [term.textContent, term.nextElementSibling?.textContent]),
    );
    expect(facts).toMatchObject({
      Together: "Places with a guard band",
      "Guard band": "35 px",
      Neighbourhood: "1,000 px",
      "Left out, overlapping": "23",
      "Readers differ": "What Lucía Paredes said",
      "Left out, readers level": "4",
      "Left out, taken back": "2",
      "Taken from": "Imported patches, 2 slides",
    });
  });

  it("shows some of its patches, each with its class", async () => {
    open();
    const image = await screen.findByRole("img", { name: "Lymphocyte, patch 31" });
    expect(image).toHaveAttribute("src", "/api/patches/31/image");
    expect(screen.getByRole("img", { name: "Other, patch 32" })).toBeVisible();
  });

  it("is trained on by a link for admins only", async () => {
    open();
    const link = await screen.findByRole("link", { name: "Train on this version" });
    expect(link).toHaveAttribute("href", "/studies/1/training?dataset=2");
  });

  it("is only looked at by others", async () => {
    open({ roles: ["pathologist", "lab"] });
    await screen.findByRole("table", { name: "Classes" });
    expect(screen.getByText(/Admins of this study freeze data sets/)).toBeVisible();
    expect(screen.queryByRole("link", { name: "Train on this version" })).toBeNull();
    expect(screen.queryByRole("button", { name: "Freeze" })).toBeNull();
  });

  it("is compared with another on request", async () => {
    const { server, user } = open();
    await user.click(await screen.findByRole("combobox", { name: "Compare with" }));
    await user.click(await screen.findByRole("option", { name: "Data set 1" }));
    expect(await screen.findByText("1,500 only in this one · 3 with another class")).toBeVisible();
    expect(server.to("GET", "datasets/2/diff")[0]?.query.get("with")).toBe("1");
  });

  it("that is absent or somebody else's is nothing", async () => {
    open({ address: "/studies/1/datasets/77" });
    expect(await screen.findByText("Nothing here")).toBeVisible();
  });
});

describe("the list", () => {
  it("opens the newest, and any other on request", async () => {
    const { user, router } = open();
    expect(await screen.findByRole("region", { name: "Spring" })).toBeVisible();
    const other = screen.getByRole("link", { name: /Data set 1/ });
    expect(other).toHaveTextContent("1,200 patches · Cases");
    await user.click(other);
    expect(await screen.findByRole("region", { name: "Data set 1" })).toBeVisible();
    expect(router.state.location.pathname).toBe("/studies/1/datasets/1");
    expect(other).toHaveAttribute("aria-current", "page");
  });

  it("stands in the study's parts", async () => {
    open();
    const link = await screen.findByRole("link", { name: "Data sets" });
    expect(link).toHaveAttribute("href", "/studies/1/datasets");
  });

  it("says so where it cannot be loaded", async () => {
    serve({
      "GET auth/me": me(),
      "GET studies/1": study(),
      "GET studies/1/patch-summary": summary(1, 1),
      "GET studies/1/dataset-freezes": pageOf([]),
      "GET studies/1/datasets": refusal(400, "bad", "The list has stumbled."),
    });
    openAt("/studies/1/datasets");
    expect(await screen.findByText("The list has stumbled.")).toBeVisible();
  });
});

describe("freezing", () => {
  it("sends the choices and shows at once what is being frozen", async () => {
    const { server, user, router } = open({ versions: [] });
    await user.type(await screen.findByLabelText("Name"), " Summer ");
    await user.click(screen.getByRole("combobox", { name: "Where readers differ" }));
    await user.click(await screen.findByRole("option", { name: "What Lucía Paredes said" }));
    await user.click(screen.getByRole("radio", { name: /^Cases/ }));
    await user.click(screen.getByRole("button", { name: "Freeze" }));
    await expect.poll(() => router.state.location.pathname).toBe("/studies/1/datasets/freezes/5");
    expect(server.to("POST", "studies/1/dataset-freezes")[0]?.body).toEqual({
      client_key: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "Summer",
      reader: 3,
      split: "case",
      guard_px: 35,
      seed: 0,
    });
    expect(await screen.findByRole("region", { name: "Freezing “Summer”" })).toBeVisible();
  });

  it("offers pathologists as readers, and nobody else", async () => {
    const { user } = open({ versions: [] });
    await user.click(await screen.findByRole("combobox", { name: "Where readers differ" }));
    await screen.findByRole("option", { name: "What Lucía Paredes said" });
    expect(screen.getAllByRole("option")).toHaveLength(2);
  });

  it("says in the form why it was refused, and keeps what was chosen", async () => {
    const words = "A data set of this name exists, with other content. Choose another name.";
    const { user } = open({ versions: [], answer: refusal(409, "dataset_name_taken", words) });
    await user.type(await screen.findByLabelText("Name"), "Spring");
    await user.click(screen.getByRole("button", { name: "Freeze" }));
    expect(await screen.findByRole("alert")).toHaveTextContent(words);
    expect(screen.getByLabelText("Name")).toHaveValue("Spring");
  });

  it("is not offered with too few labels, and says how many are needed", async () => {
    open({ versions: [], labels: summary(9, 400) });
    expect(await screen.findByRole("button", { name: "Freeze" })).toBeDisabled();
    expect(screen.getByText(/at least 10 patches of a counted class/)).toBeVisible();
  });
});

describe("what is being frozen", () => {
  it("is shown first, with its progress, also after a reload", async () => {
    open({ freezes: [freeze()] });
    const view = await screen.findByRole("region", { name: "Freezing “Summer”" });
    expect(within(view).getByRole("progressbar", { name: "Freezing “Summer”" })).toHaveAttribute(
      "aria-valuenow",
      "25",
    );
    expect(within(view).getByText("Comparing the patches")).toBeVisible();
    expect(screen.getByRole("link", { name: /Summer/ })).toHaveAttribute(
      "href",
      "/studies/1/datasets/freezes/5",
    );
  });

  it("turns into its version by itself", async () => {
    const freezes = [freeze()];
    const versions = [dataset()];
    const { router } = open({ freezes, versions, address: "/studies/1/datasets/freezes/5" });
    await screen.findByRole("region", { name: "Freezing “Summer”" });
    freezes[0] = freeze({ state: "done", dataset: 9 });
    versions.unshift(made);
    expect(await screen.findByRole("region", { name: "Summer" }, { timeout: 4000 })).toBeVisible();
    expect(router.state.location.pathname).toBe("/studies/1/datasets/9");
    expect(await screen.findByRole("link", { name: /Summer/ })).toHaveAttribute("aria-current", "page");
    expect(screen.queryByText("Freezing")).toBeNull();
  });

  it("joins the list while another version is looked at", async () => {
    const freezes = [freeze()];
    const versions = [dataset()];
    open({ freezes, versions, address: "/studies/1/datasets/2" });
    expect(await screen.findByRole("link", { name: /Summer.*Freezing/ })).toBeVisible();
    freezes[0] = freeze({ state: "done", dataset: 9 });
    versions.unshift(made);
    const link = await screen.findByRole("link", { name: /Summer.*2,717 patches/ }, { timeout: 4000 });
    expect(link).toHaveAttribute("href", "/studies/1/datasets/9");
    expect(screen.getByRole("region", { name: "Spring" })).toBeVisible();
  });

  it("is cancelled after a question, and says that nothing was stored", async () => {
    const { server, user } = open({ freezes: [freeze()] });
    await user.click(await screen.findByRole("button", { name: "Cancel" }));
    const question = await screen.findByRole("dialog");
    await user.click(within(question).getByRole("button", { name: "Cancel" }));
    await expect.poll(() => server.to("POST", "dataset-freezes/5/cancel").length).toBe(1);
    expect(await screen.findByRole("link", { name: /Summer.*Cancelled/ })).toBeVisible();
  });

  it("is not cancelled by people who may not", async () => {
    open({ freezes: [freeze()], roles: ["lab"] });
    await screen.findByRole("region", { name: "Freezing “Summer”" });
    expect(screen.queryByRole("button", { name: "Cancel" })).toBeNull();
  });

  it("says in words why it came to nothing", async () => {
    const error = { code: "dataset_too_few", message: "There are 3 labelled cells of class Lymphocyte." };
    const failed = freeze({ state: "failed", error });
    open({ freezes: [failed], address: "/studies/1/datasets/freezes/5" });
    expect(await screen.findByRole("alert")).toHaveTextContent(error.message);
    expect(screen.getByRole("link", { name: /Summer/ })).toHaveTextContent("Not frozen");
  });

  it("is forgotten in the list once a later one was frozen", async () => {
    const failed = freeze({ id: 4, state: "failed", error: { code: "x", message: "Too few." } });
    open({ freezes: [freeze({ state: "done", dataset: 2 }), failed] });
    expect(await screen.findByRole("region", { name: "Spring" })).toBeVisible();
    expect(screen.queryByText("Not frozen")).toBeNull();
  });
});

describe("with nothing frozen yet", () => {
  it.each<[Role, RegExp]>([
    ["admin", /Freeze the labels on the left/],
    ["lab", /An admin of this study freezes the labels/],
  ])("%s is told what comes first", async (role, text) => {
    open({ versions: [], roles: [role] });
    expect(await screen.findByText(text)).toBeVisible();
  });

  it("a study without labels is sent to the slides", async () => {
    open({ versions: [], labels: summary(0, 0) });
    expect(await screen.findByText(/A data set needs labelled patches/)).toBeVisible();
    expect(screen.getByRole("link", { name: "To the slides" })).toHaveAttribute("href", "/studies/1/slides");
  });
});

describe("a wish", () => {
  it("names only what was chosen", () => {
    expect(wishOf(START)).toEqual({ split: "cluster", guard_px: 35, seed: 0, reader: null });
    expect(wishOf({ ...START, sources: ["import"], slides: ["5"] })).toEqual(wishOf(START));
  });

  it("carries the material where it is not all", () => {
    expect(
      wishOf({ ...START, guardPx: 60, isEverything: false, sources: ["import"], slides: ["5", "6"] }),
    ).toEqual({ split: "cluster", guard_px: 60, seed: 0, reader: null, sources: ["import"], slides: [5, 6] });
  });
});
