import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { DatasetDetail, PatchSummary, Role, TrainingRunDetail } from "@/api/types";

import { dataset, me, model, runMetrics, study, summary, trainingRun, trial } from "./factories";
import { openAt } from "./render";
import { pageOf, Reply, serve } from "./server";

// uPlot draws on a canvas, which this environment has not; what is drawn was looked at in a browser.
vi.mock("uplot", () => ({
  default: class {
    setData() {}
    setSize() {}
    destroy() {}
  },
}));

interface Scene {
  roles?: Role[];
  runs?: TrainingRunDetail[];
  labels?: PatchSummary;
  versions?: DatasetDetail[];
  address?: string;
}

function open({
  roles = ["admin"],
  runs = [],
  labels = summary(120, 110),
  versions = [dataset({ id: 7, name: "Summer" }), dataset({ id: 2, name: "Data set 2" })],
  address = "/studies/1/training",
}: Scene) {
  const server = serve({
    "GET auth/me": me(),
    "GET studies/1": study({ roles }),
    "GET studies/1/patch-summary": labels,
    "GET studies/1/training-runs": pageOf(runs),
    "GET studies/1/datasets": pageOf(versions),
    "GET studies/1/models": pageOf([model()]),
    "POST studies/1/training-runs": new Reply(
      201,
      trainingRun({ id: 50, number: 5, state: "queued", metrics: null }),
    ),
    ...Object.fromEntries(runs.map((run) => [`GET training-runs/${run.id}`, run])),
    ...Object.fromEntries(runs.map((run) => [`POST training-runs/${run.id}/cancel`, run])),
    ...Object.fromEntries(
      runs.map((run) => [`POST training-runs/${run.id}/stop`, { ...run, stop_asked: true }]),
    ),
    "GET training-runs/4/trials/1": { ...trial(), curve: [] },
  });
  return { server, ...openAt(address) };
}

const running = trainingRun({
  state: "running",
  metrics: null,
  model_id: null,
  finished_at: null,
  progress: { done: 352, total: 600, message: "Epoch 14 of 24", eta_s: 212 },
});

beforeEach(() => vi.stubGlobal("scrollTo", () => undefined));

describe("starting a training", () => {
  it("sends the choice with a client key and opens the run", async () => {
    const { server, user, router } = open({});
    await user.click(await screen.findByRole("radio", { name: /Quick/ }));
    await user.click(screen.getByRole("button", { name: "Start training" }));
    await expect.poll(() => router.state.location.pathname).toBe("/studies/1/training/50");
    const [sent] = server.to("POST", "studies/1/training-runs");
    expect(sent?.body).toEqual({
      preset: "quick",
      seed: 0,
      client_key: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it("repeats the same key when the same wish is sent again", async () => {
    const keys: unknown[] = [];
    serve({
      "GET auth/me": me(),
      "GET studies/1": study({ roles: ["admin"] }),
      "GET studies/1/patch-summary": summary(20, 20),
      "GET studies/1/training-runs": pageOf([]),
      "GET studies/1/datasets": pageOf([]),
      "POST studies/1/training-runs": ({ body }: { body: { client_key: string } }) => {
        keys.push(body.client_key);
        return new Reply(502);
      },
    });
    const { user } = openAt("/studies/1/training");
    const button = await screen.findByRole("button", { name: "Start training" });
    await user.click(button);
    await expect.poll(() => keys.length).toBe(1);
    await user.click(button);
    await expect.poll(() => keys.length).toBe(2);
    expect(new Set(keys).size).toBe(1);
  });

  it("is not offered with too few labels, and says how many are needed", async () => {
    open({ labels: summary(9, 400) });
    expect(await screen.findByRole("button", { name: "Start training" })).toBeDisabled();
    expect(screen.getByText(/at least 10 patches of a counted class/)).toBeVisible();
  });

  it("sends a search of a frozen version, with the ranges that were changed", async () => {
    const { server, user } = open({ runs: [trainingRun()] });
    await user.click(await screen.findByRole("radio", { name: /As in the paper/ }));
    await user.click(screen.getByRole("button", { name: "Advanced" }));
    const fill = async (name: string | RegExp, value: string) => {
      const field = screen.getByLabelText(name);
      await user.clear(field);
      await user.type(field, value);
    };
    await user.click(screen.getByRole("combobox", { name: "Data set" }));
    await user.click(await screen.findByRole("option", { name: "Data set 2" }));
    await fill("Trials", "20");
    await fill("Folds", "5");
    await fill("Minutes", "90");
    await fill("Learning rate, highest", "0.01");
    await user.click(screen.getByRole("button", { name: "Start training" }));
    await expect.poll(() => server.to("POST", "studies/1/training-runs").length).toBe(1);
    expect(server.to("POST", "studies/1/training-runs")[0]?.body).toMatchObject({
      preset: "paper",
      dataset: 2,
      trials: 20,
      folds: 5,
      minutes: 90,
      space: { learning_rate: [0.000316, 0.01] },
    });
  });

  it("sends how many windows are wanted beside cells only where a number was chosen, 0 too", async () => {
    const { server, user } = open({ runs: [trainingRun()] });
    await user.click(await screen.findByRole("button", { name: "Advanced" }));
    const start = () => user.click(screen.getByRole("button", { name: "Start training" }));
    const sent = () => server.to("POST", "studies/1/training-runs").map(({ body }) => body);
    const field = screen.getByLabelText("Windows beside cells");
    expect(field).toHaveAttribute("placeholder", "As in the recipe");
    await start();
    await expect.poll(sent).toEqual([expect.not.objectContaining({ windows_beside: expect.anything() })]);
    await user.type(field, "0");
    await start();
    await expect.poll(() => sent()[1]).toMatchObject({ windows_beside: 0 });
  });

  it("learns from the version that the address names", async () => {
    const { server, user } = open({ address: "/studies/1/training?dataset=7" });
    expect(await screen.findByRole("combobox", { name: "Data set" })).toHaveValue("Summer");
    expect(screen.queryByRole("checkbox", { name: "Everything labelled" })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Start training" }));
    await expect
      .poll(() => server.to("POST", "studies/1/training-runs")[0]?.body)
      .toMatchObject({ dataset: 7 });
  });

  it.each(["99", "x", ""])(
    "learns from the labels as they are where dataset=%s names none",
    async (named) => {
      const { server, user } = open({ address: `/studies/1/training?dataset=${named}` });
      expect(await screen.findByRole("combobox", { name: "Data set" })).toHaveValue(
        "The labels as they are now",
      );
      await user.click(screen.getByRole("button", { name: "Start training" }));
      await expect.poll(() => server.to("POST", "studies/1/training-runs").length).toBe(1);
      expect(server.to("POST", "studies/1/training-runs")[0]?.body).not.toHaveProperty("dataset");
    },
  );

  it("is for admins only; others are told so", async () => {
    open({ roles: ["pathologist", "lab"], runs: [trainingRun()] });
    expect(await screen.findByText(/Admins of this study start trainings/)).toBeVisible();
    expect(screen.queryByRole("button", { name: "Start training" })).toBeNull();
  });
});

describe("a training under way", () => {
  it("shows what it does and the time left, and is asked again", async () => {
    const { server } = open({ runs: [running] });
    expect(await screen.findByText(/58.% · 3 min 32 s left/)).toBeVisible();
    await expect.poll(() => server.to("GET", "training-runs/4").length, { timeout: 3000 }).toBeGreaterThan(1);
  });

  it("is cancelled after a question", async () => {
    const { server, user } = open({ runs: [running] });
    await user.click(await screen.findByRole("button", { name: "Cancel training" }));
    const dialog = await screen.findByRole("dialog");
    expect(server.to("POST", "training-runs/4/cancel")).toEqual([]);
    await user.click(within(dialog).getByRole("button", { name: "Cancel training" }));
    await expect.poll(() => server.to("POST", "training-runs/4/cancel").length).toBe(1);
  });

  it("is stopped after a question, which keeps the best", async () => {
    const { server, user } = open({ runs: [running] });
    await user.click(await screen.findByRole("button", { name: "Stop, keep the best" }));
    const dialog = await screen.findByRole("dialog");
    expect(dialog).toHaveTextContent("The best so far is judged on the test patches and kept");
    await user.click(within(dialog).getByRole("button", { name: "Stop, keep the best" }));
    await expect.poll(() => server.to("POST", "training-runs/4/stop").length).toBe(1);
    expect(server.to("POST", "training-runs/4/cancel")).toEqual([]);
  });

  it("says that it is stopping", async () => {
    open({ runs: [{ ...running, stop_asked: true }] });
    expect(await screen.findByRole("button", { name: "Stopping" })).toBeDisabled();
  });

  it("says that the labels are being frozen, and names no data set before they are", async () => {
    const progress = {
      done: 0,
      total: 0,
      message: "Freezing the labels, reading the labels: 20 of 60",
      eta_s: null,
    };
    const run = { ...running, progress, dataset: null, trials: [], curve: [], curve_trial: null };
    open({ runs: [run] });
    expect(await screen.findByText(/^Freezing the labels, reading the labels: 20 of 60$/)).toBeVisible();
    expect(await screen.findByText("Not frozen yet")).toBeVisible();
    Object.assign(run, { dataset: running.dataset });
    expect(await screen.findByText(/^1,632 to learn/)).toBeVisible();
    expect(screen.queryByText("Not frozen yet")).toBeNull();
  });

  it("cannot be cancelled by others", async () => {
    open({ roles: ["lab"], runs: [running] });
    await screen.findByText(/3 min 32 s left/);
    expect(screen.queryByRole("button", { name: "Cancel training" })).toBeNull();
  });
});

describe("a training that has ended", () => {
  it("shows scores, confusion and where they come from, and is not asked again", async () => {
    const { server } = open({ runs: [trainingRun()] });
    const table = await screen.findByRole("table", { name: /^Test:/ });
    expect(
      within(table)
        .getAllByRole("cell")
        .map(({ textContent }) => textContent),
    ).toEqual(["", "270right", "7wrong", "9wrong", "256right"]);
    expect(screen.getByText("On 542 patches it never saw while learning")).toBeVisible();
    expect(screen.getByText("1,632 to learn, 543 to validate, 542 to test")).toBeVisible();
    expect(screen.getByText("12 min")).toBeVisible();
    await new Promise((resolve) => setTimeout(resolve, 1300));
    expect(server.to("GET", "training-runs/4")).toHaveLength(1);
  });

  it("tells what was cut beside cells, and which slide could not be read", async () => {
    const windows_beside = {
      each: 2,
      cells: 1300,
      without_slide: 40,
      cut: 2210,
      unreadable_slides: ["S003"],
    };
    open({ runs: [trainingRun({ windows_beside })] });
    expect(
      await screen.findByText("2,210, beside 1,300 counted cells, 40 of them imported without a slide"),
    ).toBeVisible();
    expect(screen.getByText(/beside the cells of S003: the slide could not be read/)).toBeVisible();
  });

  it("says that no windows were cut where none were wanted", async () => {
    const none = { each: 0, cells: 9, without_slide: 0, cut: 0, unreadable_slides: [] };
    open({ runs: [trainingRun({ windows_beside: none })] });
    const name = await screen.findByText("Windows beside cells", { selector: "dt" });
    expect(name.nextSibling).toHaveTextContent("–");
  });

  it("names no data set where the labels could not be frozen", async () => {
    const error = { code: "dataset_too_few", message: "The labelled cells lie too near each other." };
    open({ runs: [trainingRun({ state: "failed", error, dataset: null, metrics: null, model_id: null })] });
    expect(await screen.findByRole("alert")).toHaveTextContent("too near each other");
    expect(screen.queryByText("Not frozen yet")).toBeNull();
  });

  it("says why it failed and what to do", async () => {
    const error = { code: "memory", message: "The worker ran out of memory." };
    open({ runs: [trainingRun({ state: "failed", error, metrics: null, model_id: null })] });
    expect(await screen.findByRole("alert")).toHaveTextContent("The worker ran out of memory.");
    expect(screen.getByRole("alert")).toHaveTextContent("Start it again");
  });
});

describe("a search", () => {
  const search = trainingRun({
    trial_limit: 3,
    folds: 5,
    best_trial: 2,
    curve_trial: 2,
    trials: [
      trial({ number: 1, validation_loss: 0.31 }),
      trial({ number: 2, validation_loss: 0.12, stopped_because: "no_improvement" }),
      trial({
        number: 3,
        validation_loss: null,
        metrics: null,
        stopped_because: "diverged",
        state: "failed",
      }),
    ],
  });
  const numbers = () =>
    within(screen.getByRole("table", { name: "Trials" }))
      .getAllByRole("button", { name: /Show the curves/ })
      .map((button) => button.textContent);

  it("shows its trials, the best marked, and sorts them by any column", async () => {
    const { user } = open({ runs: [search] });
    await screen.findByRole("table", { name: "Trials" });
    expect(numbers()).toEqual(["1", "2best", "3"]);
    expect(screen.getByText("no improvement")).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Sort by Val. loss" }));
    expect(numbers()).toEqual(["2best", "1", "3"]);
    await user.click(screen.getByRole("button", { name: "Sort by Val. loss" }));
    expect(numbers()).toEqual(["1", "2best", "3"]);
    expect(screen.getByText("3 trials, 5 folds")).toBeVisible();
  });

  it("asks for the curves of another trial when it is clicked", async () => {
    const { server, user } = open({ runs: [search] });
    expect(await screen.findByRole("heading", { name: "Curves of trial 2" })).toBeVisible();
    expect(server.to("GET", "training-runs/4/trials/1")).toEqual([]);
    await user.click(screen.getByRole("button", { name: "Show the curves of trial 1" }));
    expect(await screen.findByRole("heading", { name: "Curves of trial 1" })).toBeVisible();
    await expect.poll(() => server.to("GET", "training-runs/4/trials/1").length).toBe(1);
  });

  it("is not shown as a table where there is one training only", async () => {
    open({ runs: [trainingRun()] });
    await screen.findByRole("table", { name: /^Test:/ });
    expect(screen.queryByRole("table", { name: "Trials" })).toBeNull();
  });
});

describe("what a model is worth", () => {
  it("is shown over all thresholds, by slide and class, with intervals", async () => {
    open({ runs: [trainingRun({ metrics: runMetrics() })] });
    expect(await screen.findByRole("img", { name: /True positive rate/ })).toBeVisible();
    expect(screen.getByText("area 0.991")).toBeVisible();
    expect(screen.getByText("expected error 0.016")).toBeVisible();
    const slides = screen.getByRole("table", { name: "By slide" });
    expect(within(slides).getByText("S001")).toBeVisible();
    expect(within(slides).getByText("Imported")).toBeVisible();
    expect(within(slides).getByText(/^95\.1/)).toBeVisible();
    expect(within(screen.getByRole("table", { name: "By class" })).getByText("Lymphocyte")).toBeVisible();
  });

  it("leads from the worst mistakes to their place on the slide", async () => {
    open({ runs: [trainingRun({ metrics: runMetrics() })] });
    const image = await screen.findByRole("img", { name: "Other, score 0.99" });
    expect(image.closest("a")).toHaveAttribute("href", "/studies/1/slides/5/label#x=4000&y=3000&zoom=2");
    expect(screen.getByRole("img", { name: "Lymphocyte, score 0.04" }).closest("a")).toBeNull();
  });

  it("says why a training ended early", async () => {
    const progress = {
      done: 3,
      total: 3,
      message: "Stopped when asked; the best so far was kept",
      eta_s: null,
    };
    open({ runs: [trainingRun({ progress })] });
    expect(await screen.findByText("Stopped when asked; the best so far was kept")).toBeVisible();
  });
});

it("sends a study without labels to the slides first", async () => {
  open({ labels: summary(0, 0) });
  expect(await screen.findByText(/Training needs labelled patches/)).toBeVisible();
  expect(screen.getByRole("link", { name: "To the slides" })).toHaveAttribute("href", "/studies/1/slides");
});
