import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { DetectionRun, Role, Slide } from "@/api/types";

import { detectionRun, me, slide, study } from "./factories";
import { openAt } from "./render";
import { pageOf, Reply, serve } from "./server";

function open(slides: Slide[], options: { roles?: Role[]; runs?: DetectionRun[] } = {}) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles: options.roles ?? ["lab"], slide_count: slides.length }),
    "GET studies/1/slides": pageOf(slides),
    "GET studies/1/detection-runs": pageOf(options.runs ?? []),
    "DELETE slides/5": new Reply(204),
    "PATCH slides/5": slide({ mpp: 0.5 }),
  });
  return { server, ...openAt("/studies/1/slides") };
}

const card = (code = "S001") => screen.findByRole("article", { name: `Slide ${code}` });

describe("slides", () => {
  it("shows the newest count with model, threshold and person", async () => {
    const { server } = open([slide()], { runs: [detectionRun()] });
    const found = await card();
    expect(await within(found).findByText("4,183 cells")).toBeVisible();
    expect(within(found).getByText("620 per mm²")).toBeVisible();
    expect(within(found).getByText(/Model 3, threshold 0\.50, by Jorge Huamán/)).toBeVisible();
    expect(server.to("GET", "studies/1/detection-runs")[0]?.query.get("latest")).toBe("1");
  });

  it("says which part of the area is missing from a count", async () => {
    open([slide()], { runs: [detectionRun({ state: "incomplete", unread_fraction: 0.031 })] });
    expect(
      await screen.findByLabelText(/Incomplete: 3\.1.% of the area could not be read/),
    ).toBeInTheDocument();
  });

  it("gives no density without a scale, and says so", async () => {
    open([slide({ mpp: null })], { runs: [detectionRun({ density_per_mm2: null })] });
    const found = await card();
    expect(within(found).getByText("scale unknown")).toBeVisible();
    expect(within(found).queryByText(/per mm²/)).toBeNull();
  });

  it("leads to labelling and detection", async () => {
    open([slide()]);
    expect(await screen.findByRole("link", { name: "Label S001" })).toHaveAttribute(
      "href",
      "/studies/1/slides/5/label",
    );
    expect(screen.getByRole("link", { name: "Detect S001" })).toHaveAttribute(
      "href",
      "/studies/1/slides/5/detect",
    );
  });

  it("shows how far a slide is that is read in, and asks again until it is done", async () => {
    const { server } = open([
      slide({
        state: "processing",
        width: null,
        progress: { done: 63, total: 100, message: "Building the pyramid" },
      }),
    ]);
    const found = await card();
    expect(within(found).getByText("Building the pyramid")).toBeVisible();
    expect(within(found).queryByRole("link", { name: /Label/ })).toBeNull();
    await expect
      .poll(() => server.to("GET", "studies/1/slides").length, { timeout: 3000 })
      .toBeGreaterThan(1);
  });

  it("says why a slide failed, what to do, and takes it away", async () => {
    const failed = slide({
      state: "failed",
      error: { code: "slide_damaged", message: "The file ends too early." },
    });
    const { server, user } = open([failed]);
    const found = await card();
    expect(within(found).getByRole("alert")).toHaveTextContent("The file ends too early.");
    expect(within(found).getByRole("alert")).toHaveTextContent("Take it away");
    await user.click(within(found).getByRole("button", { name: "Take away: S001" }));
    await expect.poll(() => server.to("DELETE", "slides/5").length).toBe(1);
  });

  it("says why a file's own scale is not used", async () => {
    const { user } = open([slide({ mpp: null, mpp_doubt: "The file says 2 µm per pixel." })]);
    await user.click(await screen.findByRole("button", { name: "Details: S001" }));
    const doubt = await screen.findByRole("alert");
    expect(doubt).toHaveTextContent("The scale is in doubt");
    expect(doubt).toHaveTextContent("The file says 2 µm per pixel.");
  });

  it("lets lab staff set a missing scale", async () => {
    const { server, user } = open([slide({ mpp: null })]);
    await user.click(await screen.findByRole("button", { name: "Details: S001" }));
    await user.type(await screen.findByLabelText(/Scale/), "0.5");
    await user.click(screen.getByRole("button", { name: "Save" }));
    await expect
      .poll(() => server.to("PATCH", "slides/5")[0]?.body)
      .toEqual({ case_code: "26-4037", mpp: 0.5, note: "" });
  });
});

describe("an empty study", () => {
  it("tells lab staff to upload", async () => {
    open([], { roles: ["lab"] });
    expect(await screen.findByRole("button", { name: "Upload slides" })).toBeVisible();
  });

  it("tells a pathologist who uploads", async () => {
    open([], { roles: ["pathologist"] });
    expect(
      await screen.findByText(/as soon as lab staff or an admin of this study upload them/),
    ).toBeVisible();
    expect(screen.queryByRole("button", { name: "Upload slides" })).toBeNull();
  });
});

describe("search", () => {
  it("asks the server and says when nothing matches", async () => {
    const server = serve({
      "GET auth/me": me(),
      "GET studies/1": study(),
      "GET studies/1/slides": ({ query }: { query: URLSearchParams }) =>
        pageOf(query.get("search") ? [] : [slide()]),
      "GET studies/1/detection-runs": pageOf([]),
    });
    const { user } = openAt("/studies/1/slides");
    await user.type(await screen.findByLabelText("Search code or case"), "26-9");
    expect(await screen.findByText("No slide matches")).toBeVisible();
    expect(server.asked.at(-1)?.query.get("search")).toBe("26-9");
    await user.click(screen.getByRole("button", { name: "Clear the filter" }));
    expect(await card()).toBeVisible();
  });
});
