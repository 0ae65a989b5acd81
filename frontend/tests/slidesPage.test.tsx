import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { DetectionRun, Role, Slide, UnfinishedUpload } from "@/api/types";

import { detectionRun, me, slide, study } from "./factories";
import { openAt } from "./render";
import { pageOf, Reply, serve } from "./server";

interface Options {
  roles?: Role[];
  runs?: DetectionRun[];
  uploads?: UnfinishedUpload[];
}

function open(slides: Slide[], options: Options = {}) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles: options.roles ?? ["lab"], slide_count: slides.length }),
    "GET studies/1/slides": pageOf(slides),
    "GET studies/1/detection-runs": pageOf(options.runs ?? []),
    "GET studies/1/uploads": pageOf(options.uploads ?? []),
    "DELETE uploads/6f0c": new Reply(204),
    "DELETE slides/5": new Reply(204),
    "PATCH slides/5": slide({ mpp: 0.5 }),
    "GET slides/5/scale-changes": [
      { at: "2026-10-02T10:00:00Z", person: "Lucía Rojas", before: 0.25, after: 0.5, source: "typed" },
      { at: "2026-10-01T10:00:00Z", person: null, before: null, after: 0.25, source: "file" },
    ],
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
    const { server, user } = open([slide({ mpp: null, mpp_source: "", file_mpp: null })]);
    await user.click(await screen.findByRole("button", { name: "Details: S001" }));
    expect(await screen.findByText(/The file does not state its scale/)).toBeVisible();
    expect(screen.getByRole("link", { name: "Draw a known length on the slide" })).toHaveAttribute(
      "href",
      "/studies/1/slides/5/detect?scale=set",
    );
    await user.click(screen.getByRole("button", { name: "Set the scale" }));
    const save = screen.getByRole("button", { name: "Save the scale" });
    const value = screen.getByLabelText("µm per pixel");
    await user.type(value, "250");
    expect(screen.getByRole("alert")).toHaveTextContent("between 0.01 and 100 µm");
    expect(save).toBeDisabled();
    await user.clear(value);
    await user.click(screen.getByRole("button", { name: "20×" }));
    expect(screen.getByTestId("new-scale")).toHaveTextContent("0.5 µm/px");
    await user.click(save);
    await expect
      .poll(() => server.to("PATCH", "slides/5")[0]?.body)
      .toEqual({ mpp: 0.5, mpp_source: "objective" });
  });

  it("tells who set the scale, and goes back to the file's own", async () => {
    const { server, user } = open([slide({ mpp: 0.5, mpp_source: "typed", file_mpp: 0.25 })]);
    await user.click(await screen.findByRole("button", { name: "Details: S001" }));
    const history = await screen.findByRole("region", { name: "Changes of the scale" });
    expect(await within(history).findByText("0.25 µm/px → 0.5 µm/px, typed in")).toBeVisible();
    expect(within(history).getByText(/^Lucía Rojas,/)).toBeVisible();
    expect(within(history).getByText(/^Read from the file,/)).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Set the scale" }));
    await user.click(screen.getByRole("button", { name: "Back to the file’s 0.25 µm/px" }));
    await expect.poll(() => server.to("PATCH", "slides/5")[0]?.body).toEqual({ mpp_source: "file" });
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
    await user.type(await screen.findByLabelText("Search code, case, stain or note"), "26-9");
    expect(await screen.findByText("No slide matches")).toBeVisible();
    expect(server.asked.at(-1)?.query.get("search")).toBe("26-9");
    await user.click(screen.getAllByRole("button", { name: "Clear the filters" })[0] as HTMLElement);
    expect(await card()).toBeVisible();
  });
});

describe("uploads that are not finished", () => {
  const half: UnfinishedUpload = {
    id: "6f0c",
    file_name: "scan.svs",
    size_bytes: 2_000_000_000,
    offset_bytes: 900_000_000,
    sha256: "ab".repeat(32),
    touched_at: "2026-11-20T10:00:00Z",
  };

  it("are listed after a reload, with how far they are and what to do", async () => {
    open([slide()], { uploads: [half] });
    const panel = await screen.findByRole("region", { name: "Not finished" });
    expect(panel).toHaveTextContent("scan.svs");
    expect(panel).toHaveTextContent(/45.% of 2\.0 GB has arrived, last on/);
    expect(panel).toHaveTextContent("Choose or drop the same file again");
    expect(within(panel).getByRole("button", { name: "Choose scan.svs again" })).toBeVisible();
  });

  it("are thrown away when asked", async () => {
    const { server, user } = open([slide()], { uploads: [half] });
    await user.click(await screen.findByRole("button", { name: "Throw away what has arrived of scan.svs" }));
    await expect.poll(() => server.to("DELETE", "uploads/6f0c").length).toBe(1);
    expect(server.to("DELETE", "uploads/6f0c")[0]?.headers.get("Tus-Resumable")).toBe("1.0.0");
    expect(await screen.findByText("What had arrived of scan.svs is thrown away")).toBeVisible();
    await expect.poll(() => server.to("GET", "studies/1/uploads").length).toBeGreaterThan(1);
  });

  it("say that the server checks one that has arrived, and ask again", async () => {
    const { server } = open([slide()], { uploads: [{ ...half, offset_bytes: half.size_bytes }] });
    expect(await screen.findByText("All has arrived. The server checks it.")).toBeVisible();
    expect(screen.queryByRole("button", { name: /Throw away/ })).toBeNull();
    await expect
      .poll(() => server.to("GET", "studies/1/uploads").length, { timeout: 3000 })
      .toBeGreaterThan(1);
  });

  it("are nobody else's business", async () => {
    const { server } = open([slide()], { roles: ["pathologist"], uploads: [half] });
    await card();
    expect(server.to("GET", "studies/1/uploads")).toEqual([]);
  });

  it("a folder can be chosen as a whole", async () => {
    open([slide()]);
    expect(await screen.findByRole("button", { name: "Upload a folder" })).toBeVisible();
    expect(document.querySelector("input[webkitdirectory]")).not.toBeNull();
  });

  it("says how many files of a folder were left out, once", async () => {
    const { user } = open([slide()]);
    await screen.findByRole("button", { name: "Upload a folder" });
    const input = document.querySelector<HTMLInputElement>("input[webkitdirectory]");
    await user.upload(input!, [new File(["x"], "a.txt"), new File(["x"], "b.xml")]);
    expect(await screen.findByText(/^2 files of other kinds were left out/)).toBeVisible();
  });
});
