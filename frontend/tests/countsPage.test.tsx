import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Role, SlideCount } from "@/api/types";

import { detectionRun, me, study } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, serve } from "./server";

const row = (slide: number, change: Partial<SlideCount> = {}): SlideCount => ({
  slide,
  slide_code: `S00${slide}`,
  case_code: "A-12",
  run: detectionRun({ id: 70 + slide, slide }),
  ...change,
});

function open(rows: SlideCount[], options: { roles?: Role[]; answer?: unknown } = {}) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles: options.roles ?? ["lab"] }),
    "GET studies/1/counts": pageOf(rows),
    "POST studies/1/detection-runs": options.answer ?? { runs: [], refused: [] },
  });
  return { server, ...openAt("/studies/1/counts") };
}

const line = async (code: string) =>
  (await screen.findByRole("link", { name: new RegExp(code) })).closest("tr")!;

describe("counts", () => {
  it("show each slide's newest count and lead to its cells", async () => {
    open([row(5), row(6, { run: null })]);
    const first = within(await line("S005"));
    for (const told of ["A-12", "4,183", "6.75", "620", "3", "0.50", "Done", "Whole slide"])
      expect(first.getByText(told)).toBeVisible();
    expect(first.getByRole("link")).toHaveAttribute("href", "/studies/1/slides/5/detect?run=75");
    expect(within(await line("S006")).getByText("Not counted yet")).toBeVisible();
    expect(screen.getByRole("link", { name: "Download CSV" })).toHaveAttribute(
      "href",
      "/api/studies/1/counts.csv",
    );
  });

  it("say how far a count is, what is missing, and why one failed", async () => {
    const progress = { done: 3, total: 4, message: "", eta_s: null };
    open([
      row(5, { run: detectionRun({ state: "running", count: null, progress }) }),
      row(6, { run: detectionRun({ state: "incomplete", unread_fraction: 0.031 }) }),
      row(7, {
        run: detectionRun({ state: "failed", count: null, error: { code: "x", message: "It is gone." } }),
      }),
    ]);
    expect(within(await line("S005")).getByText(/75\.0.% done/)).toBeVisible();
    expect(within(await line("S006")).getByText(/3\.1.% of the area could not be read/)).toBeVisible();
    expect(within(await line("S007")).getByText("It is gone.")).toBeVisible();
  });

  it("are started for the selected slides; what was refused is told beside it", async () => {
    const refused = [
      { slide: 6, slide_code: "S006", code: "slide_needs_scale", message: "Set its scale first." },
    ];
    const answer = { runs: [detectionRun({ state: "queued" })], refused };
    const { server, user } = open([row(5), row(6)], { answer });
    const start = await screen.findByRole("button", { name: "Count selected" });
    expect(start).toBeDisabled();
    await user.click(await screen.findByRole("checkbox", { name: "Select all slides of this page" }));
    expect(screen.getByRole("status")).toHaveTextContent("2 selected");
    await user.click(start);
    expect(await screen.findByText("S006: Set its scale first.")).toBeVisible();
    expect(server.to("POST", "studies/1/detection-runs")[0]?.body).toMatchObject({ slides: [5, 6] });
    expect(screen.getByRole("checkbox", { name: "Select S005" })).not.toBeChecked();
  });

  it("are started with the options that were chosen, for this once", async () => {
    const answer = { runs: [detectionRun({ state: "queued" })], refused: [] };
    const { server, user } = open([row(5)], { answer });
    const box = await screen.findByRole("checkbox", { name: "Select S005" });
    expect(screen.queryByRole("button", { name: "Options" })).not.toBeInTheDocument();
    await user.click(box);
    await user.click(screen.getByRole("button", { name: "Options" }));
    await user.click(await screen.findByRole("radio", { name: "4 px" }));
    await user.click(screen.getByRole("button", { name: "Count selected" }));
    await user.click(await screen.findByRole("checkbox", { name: "Select S005" }));
    expect(await screen.findByRole("button", { name: "Options" })).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Count selected" }));
    const bodies = server.to("POST", "studies/1/detection-runs").map(({ body }) => body);
    expect(bodies[0]).toMatchObject({ slides: [5], params: { stride_px: 4 } });
    expect(bodies[1]).not.toHaveProperty("params");
  });

  it("stay selected when nothing could be started", async () => {
    const answer = refusal(409, "no_current_model", "This study has no current model.");
    const { user } = open([row(5)], { answer });
    await user.click(await screen.findByRole("checkbox", { name: "Select S005" }));
    await user.click(screen.getByRole("button", { name: "Count selected" }));
    expect(await screen.findByText("This study has no current model.")).toBeInTheDocument();
    expect(screen.getByRole("checkbox", { name: "Select S005" })).toBeChecked();
  });

  it("are only looked at by pathologists", async () => {
    open([row(5)], { roles: ["pathologist"] });
    await line("S005");
    expect(screen.queryByRole("checkbox")).toBeNull();
    expect(screen.queryByRole("button", { name: "Count selected" })).toBeNull();
  });

  it("lead to the slides where there is none", async () => {
    open([]);
    expect(await screen.findByRole("link", { name: "Go to the slides" })).toHaveAttribute(
      "href",
      "/studies/1/slides",
    );
  });
});
