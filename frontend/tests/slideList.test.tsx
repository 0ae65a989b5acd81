/** The list of slides as a whole: its address, its keys, what is written in it, and many slides changed at once. */

import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Role, Slide } from "@/api/types";
import { filterOf, readView } from "@/features/slides/view";

import { me, slide, study } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, serve, type Asked } from "./server";

const SLIDES = 300;
const ACTIONS = "What to do with the selected slides";
const SEARCH = "Search code, case, stain or note";
const all: Slide[] = Array.from({ length: SLIDES }, (_, at) =>
  slide({
    id: at + 1,
    code: `S${String(at + 1).padStart(3, "0")}`,
    case_code: at % 2 ? "B-2" : "",
    state: at === 2 ? "failed" : "ready",
    error: at === 2 ? { code: "slide_damaged", message: "It is damaged." } : null,
  }),
);

function chunk({ query }: Asked) {
  const [page, size] = [Number(query.get("page") ?? 1), Number(query.get("page_size") ?? 50)];
  const found = query.get("search") === "none" ? [] : all;
  return { ...pageOf(found.slice((page - 1) * size, page * size)), count: found.length };
}

function open(address = "", options: { roles?: Role[]; routes?: Record<string, unknown> } = {}) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles: options.roles ?? ["lab"], slide_count: SLIDES }),
    "GET studies/1/slides": chunk,
    "GET studies/1/slide-names": all.map(({ id, code, state }) => ({ id, code, state })),
    "GET studies/1/slide-facets": {
      cases: ["B-2"],
      stains: ["CD20", "PAX5"],
      people: [{ id: 3, name: "Lucía Paredes" }],
    },
    "GET studies/1/detection-runs": pageOf([]),
    ...options.routes,
  });
  return { server, ...openAt(`/studies/1/slides${address}`) };
}

/** By its label: a search by role works out the name of everything on the page, which takes long. */
const row = (code: string) => screen.findByLabelText(`Slide ${code}`);
const box = (code: string) => screen.findByLabelText(`Select slide ${code}`);
const listed = (server: ReturnType<typeof serve>) => server.to("GET", "studies/1/slides").at(-1)?.query;

beforeEach(() => {
  sessionStorage.clear();
  // A low window has few rows.
  vi.stubGlobal("innerHeight", 240);
});

describe("the address", () => {
  it("says what is listed", async () => {
    const { server } = open("?search=26&case=B-2&stain=CD20&state=ready&missing=mpp&by=3&sort=-cell_count");
    expect(await screen.findByLabelText(SEARCH)).toHaveValue("26");
    expect(Object.fromEntries(listed(server) ?? [])).toMatchObject({
      search: "26",
      case_code: "B-2",
      stain: "CD20",
      state: "ready",
      missing: "mpp",
      uploaded_by: "3",
      ordering: "-cell_count",
    });
    expect(await screen.findByLabelText("Uploaded: Lucía Paredes")).toBeVisible();
  });

  it("takes in what is chosen on the page", async () => {
    const { user, router, server } = open();
    await user.click(await screen.findByRole("combobox", { name: "Stain" }));
    await user.click(await screen.findByRole("option", { name: "PAX5" }));
    await waitFor(() => expect(router.state.location.search).toBe("?stain=PAX5"));
    expect(listed(server)?.get("stain")).toBe("PAX5");
    await user.click(screen.getByText("Clear the filters"));
    await waitFor(() => expect(router.state.location.search).toBe(""));
  });

  it("is passed over where it makes no sense", () => {
    const view = readView(
      new URLSearchParams("state=gone&sort=sha256&by=x&from=2026-13-90&missing=all&case=B"),
    );
    expect(filterOf(view)).toEqual({ case_code: "B", ordering: "number" });
  });

  it("names days, which are the reader's own, the last one whole", () => {
    const filter = filterOf(readView(new URLSearchParams("from=2026-11-02&to=2026-11-02")));
    expect(filter.uploaded_from).toBe(new Date("2026-11-02T00:00").toISOString());
    expect(filter.uploaded_before).toBe(new Date("2026-11-03T00:00").toISOString());
  });

  it("is cleared where nothing matches, the search box too", async () => {
    const { user } = open("?search=none");
    expect(await screen.findByText("No slide matches")).toBeVisible();
    await user.click(screen.getAllByText("Clear the filters")[1] as HTMLElement);
    expect(await row("S001")).toBeVisible();
    expect(screen.getByLabelText(SEARCH)).toHaveValue("");
  });
});

describe("three hundred slides", () => {
  it("are counted, but only those in sight are drawn and asked for", async () => {
    const { server } = open();
    const first = await row("S001");
    expect(first).toHaveAttribute("aria-setsize", "300");
    expect(screen.getByText("300 slides")).toBeVisible();
    expect(screen.getAllByRole("article").length).toBeLessThan(30);
    expect(server.to("GET", "studies/1/slides").map(({ query }) => query.get("page"))).not.toContain("2");
    const counted = server.to("GET", "studies/1/detection-runs")[0]?.query.getAll("slides");
    expect(counted).toHaveLength(59);
  });

  it("are gone through with the keys", async () => {
    const { user, router } = open();
    (await row("S001")).focus();
    await user.keyboard("{ArrowDown} {ArrowDown}{ArrowDown} ");
    expect(await row("S004")).toHaveFocus();
    expect(await box("S002")).toBeChecked();
    expect(screen.getByText("2 selected")).toBeVisible();
    await user.keyboard("{Shift>}{ArrowDown}{/Shift}");
    expect(screen.getByText("3 selected")).toBeVisible();
    await user.keyboard("{ArrowUp}{Enter}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/studies/1/slides/4/label"));
  });

  it("are searched after a slash", async () => {
    const { user } = open();
    (await row("S001")).focus();
    await user.keyboard("/26");
    expect(screen.getByLabelText(SEARCH)).toHaveFocus();
    expect(screen.getByLabelText(SEARCH)).toHaveValue("26");
  });
});

describe("what is written in a row", () => {
  it("is saved on leaving it, and says so", async () => {
    const { server, user } = open("", {
      routes: { "PATCH slides/1": slide({ id: 1, code: "S001", case_code: "26-9" }) },
    });
    const field = await screen.findByLabelText("Case of slide S001");
    await user.type(field, "26-9{Enter}");
    expect(await within(await row("S001")).findByText("Saved")).toBeInTheDocument();
    expect(server.to("PATCH", "slides/1").map(({ body }) => body)).toEqual([{ case_code: "26-9" }]);
    expect(field).toHaveValue("26-9");
    expect(await row("S001")).toHaveFocus();
  });

  it("is given up with Escape", async () => {
    const { server, user } = open();
    const field = await screen.findByLabelText("Stain of slide S001");
    await user.type(field, "XX{Escape}");
    expect(field).toHaveValue("CD3");
    await user.tab();
    expect(server.to("PATCH", "slides/1")).toEqual([]);
  });

  it("stays, with the reason, where the server refuses it", async () => {
    const { user } = open("", {
      routes: { "PATCH slides/1": refusal(403, "forbidden", "This needs lab staff.") },
    });
    const field = await screen.findByLabelText("Note of slide S001");
    await user.type(field, "torn{Enter}");
    expect(await within(await row("S001")).findByRole("alert")).toHaveTextContent(
      "Not saved: This needs lab staff.",
    );
    expect(field).toHaveValue("torn");
  });

  it("can only be read by those who may not change it", async () => {
    open("", { roles: ["pathologist"] });
    expect(within(await row("S001")).getByText("CD3")).toBeVisible();
    expect(screen.queryByLabelText("Case of slide S001")).toBeNull();
    await userSelects("S001");
    expect(screen.queryByText("Set case")).toBeNull();
    expect(screen.queryByText("Take away")).toBeNull();
  });
});

async function userSelects(code: string) {
  within(await row(code))
    .getByRole("checkbox")
    .click();
  await screen.findByText("1 selected");
}

describe("many slides at once", () => {
  it("get a stain, and those that were refused are named with the reason", async () => {
    const refused = [{ slide: 2, slide_code: "S002", code: "conflict", message: "Somebody else has it." }];
    const { server, user } = open("", {
      routes: { "POST studies/1/slide-changes": { done: [1], refused } },
    });
    await userSelects("S001");
    await user.click(await box("S002"));
    await user.click(screen.getByText("Set stain"));
    const dialog = await screen.findByRole("dialog");
    expect(dialog).toHaveTextContent("S001, S002");
    await user.type(within(dialog).getByLabelText("Stain", { selector: "input" }), "Ki-67");
    await user.click(within(dialog).getByRole("button", { name: "Set" }));
    expect(await within(dialog).findByText("S002: Somebody else has it.")).toBeVisible();
    expect(server.to("POST", "studies/1/slide-changes")[0]?.body).toEqual({
      slides: [1, 2],
      changes: { stain: "Ki-67" },
    });
    expect(await screen.findByText("1 slide changed")).toBeVisible();
  });

  it("are taken away only where they can be, and the dialog says how many", async () => {
    const { server, user } = open("", {
      routes: { "POST studies/1/slide-deletions": { done: [3], refused: [] } },
    });
    await user.click(await screen.findByLabelText("Select all slides that are listed"));
    expect(await screen.findByText("300 selected")).toBeVisible();
    await user.click(within(screen.getByLabelText(ACTIONS)).getByText("Take away"));
    const dialog = await screen.findByRole("dialog", { name: "Take 300 slides away" });
    expect(dialog).toHaveTextContent("can be taken away: 1 of these 300");
    expect(dialog).toHaveTextContent("S003");
    await user.click(within(dialog).getByRole("button", { name: "Take away" }));
    expect(await screen.findByText("299 selected")).toBeVisible();
    expect(server.to("POST", "studies/1/slide-deletions")).toHaveLength(1);
  });

  it("of which none can be taken away are not asked about", async () => {
    const { user } = open();
    await row("S001");
    await userSelects("S001");
    await user.click(within(screen.getByLabelText(ACTIONS)).getByText("Take away"));
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByRole("button", { name: "Take away" })).toBeDisabled();
  });

  it("are chosen with shift from one to another", async () => {
    const { user } = open();
    await row("S001");
    await userSelects("S001");
    await user.keyboard("{Shift>}");
    await user.click(await box("S005"));
    await user.keyboard("{/Shift}");
    expect(await screen.findByText("5 selected")).toBeVisible();
  });

  it("are brought to the page of counts, those that are ready", async () => {
    const { user, router } = open("", { routes: { "GET studies/1/counts": pageOf([]) } });
    await row("S001");
    await userSelects("S001");
    await user.click(await box("S003"));
    await user.click(screen.getByText("Count cells"));
    await waitFor(() => expect(router.state.location.pathname).toBe("/studies/1/counts"));
    expect(await screen.findByText("1 selected")).toBeVisible();
    expect(screen.getByRole("button", { name: "Count selected" })).toBeEnabled();
  });
});
