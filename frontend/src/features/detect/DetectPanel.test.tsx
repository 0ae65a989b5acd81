import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ComponentProps } from "react";
import { MemoryRouter } from "react-router";
import { describe, expect, it, vi } from "vitest";

import type { DetectionRun, Model, Slide, Study } from "@/api/types";
import { rectangle } from "@/viewer/regions";
import { imagePoint } from "@/viewer/coordinates";
import { decodePoints } from "@/viewer/points";

import { USUAL_CHOICE } from "./choice";
import { DetectPanel } from "./DetectPanel";

const at = "2026-01-01T10:00:00Z";
const study = { id: 1, name: "CD3", classes: [], roles: [] } as unknown as Study;
const slide = { id: 2, study: 1, code: "S002", mpp: 0.5 } as Slide;
const scores = {
  accuracy: 0.98,
  precision: 0.97,
  recall: 0.96,
  f1: 0.965,
  confusion: [
    [1, 1],
    [1, 1],
  ],
  count: 500,
};
const model = {
  id: 5,
  number: 3,
  status: "current",
  metrics: { validation: null, test: scores },
} as unknown as Model;
const points = decodePoints(new Float32Array([1, 1, 0.9, 2, 2, 0.6, 3, 3, 0.3]).buffer);

const run: DetectionRun = {
  id: 7,
  number: 4,
  study: 1,
  slide: 2,
  slide_code: "S002",
  state: "done",
  progress: { done: 1, total: 1, message: "", eta_s: null },
  model: { id: 5, number: 3, threshold: 0.5 },
  slide_sha256: "a",
  model_sha256: "b",
  code_version: "1",
  params: {},
  scale: 1,
  regions: null,
  threshold: 0.5,
  count: 2,
  point_count: 3,
  area_px: 4_000_000,
  area_mm2: null,
  density_per_mm2: null,
  mpp: null,
  scale_changed: false,
  unread_px: 0,
  unread_fraction: 0,
  blocks_failed: 0,
  error: null,
  created_by: "Luis",
  created_at: at,
  started_at: at,
  finished_at: at,
};

type Props = ComponentProps<typeof DetectPanel>;

function show(props: Partial<Props> = {}) {
  const shown = props.run === undefined ? run : props.run;
  const dial = { value: 0.5, state: "saved", set: vi.fn(), reset: vi.fn() } as const;
  const all: Props = {
    study,
    slide,
    run: shown,
    runs: shown ? [shown] : [],
    points,
    pointsError: null,
    dial,
    colour: "#fa3e3e",
    canDetect: true,
    isAdmin: false,
    model,
    isModelKnown: true,
    mode: "auto",
    plan: { where: "whole", regions: [], tool: null, choice: USUAL_CHOICE },
    isStarting: false,
    isCancelling: false,
    onMode: vi.fn(),
    onCancel: vi.fn(),
    onPlan: vi.fn(),
    onStart: vi.fn(),
    onShow: vi.fn(),
    ...props,
  };
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MantineProvider env="test">
        <MemoryRouter>
          <DetectPanel {...all} />
        </MemoryRouter>
      </MantineProvider>
    </QueryClientProvider>,
  );
  return all;
}

describe("a finished count", () => {
  it("shows count, density and area at the threshold of the dial", () => {
    show({ dial: { value: 0.7, state: "yours", set: vi.fn(), reset: vi.fn() } });
    expect(screen.getByTestId("count")).toHaveTextContent("1");
    expect(screen.getByTestId("area")).toHaveTextContent("1 mm²");
    expect(screen.getByTestId("density")).toHaveTextContent("1 cells/mm²");
    expect(screen.getByText(/Only you see this. The saved threshold is 0.50/)).toBeInTheDocument();
  });

  it("says what is behind the number, and offers it as files", () => {
    show();
    expect(screen.getByText(/Model 3 · threshold 0.50 · Luis/)).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "CSV" })).toHaveAttribute(
      "href",
      "/api/detection-runs/7/export.csv",
    );
    expect(screen.getByRole("link", { name: "GeoJSON" })).toHaveAttribute(
      "href",
      "/api/detection-runs/7/export.geojson",
    );
  });

  it("has no density without a scale; lab staff can set it, readers are told who can", () => {
    show({ slide: { ...slide, mpp: null } });
    expect(screen.queryByTestId("density")).not.toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Set the scale" })).toHaveAttribute(
      "href",
      expect.stringMatching(/\/detect\?scale=set&run=7$/),
    );
  });

  it("tells a reader who can set the scale", () => {
    show({ slide: { ...slide, mpp: null }, canDetect: false });
    expect(screen.queryByRole("link", { name: "Set the scale" })).not.toBeInTheDocument();
    expect(screen.getByText(/Lab staff can set the scale/)).toBeInTheDocument();
  });

  it("says that the slide has another scale now than it was counted at", () => {
    show({ run: { ...run, mpp: 0.25, scale_changed: true } });
    expect(screen.getByText(/Counted at 0.25 µm\/px/)).toHaveTextContent("this slide is 0.5 µm/px now");
  });

  it("says which share was not read", () => {
    show({ run: { ...run, state: "incomplete", unread_fraction: 0.034, blocks_failed: 2 } });
    expect(screen.getByText(/3.4 % of the area could not be read/)).toHaveTextContent("2 blocks failed.");
  });
});

describe("what a run used", () => {
  const used = (params: DetectionRun["params"]) => {
    show({ run: { ...run, params } });
    const names = screen.getAllByRole("term", { hidden: true }).map(({ textContent }) => textContent);
    const values = screen.getAllByRole("definition", { hidden: true }).map(({ textContent }) => textContent);
    return (name: string) => values[names.indexOf(name)];
  };

  it("stands in its details in words", () => {
    const told = used({
      stride_px: 4,
      head: "low_rank",
      precision: "bf16",
      engine: "openvino",
      gate: true,
      tissue_gate: true,
    });
    expect(told("Windows looked at")).toBe("every 4 px");
    expect(told("Head")).toBe("low-rank");
    expect(told("Precision")).toBe("16 bit (bf16)");
    expect(told("Engine")).toBe("OpenVINO");
    expect(told("Gates")).toBe("stain and glass");
    expect(told("Parameters")).toContain("stride_px 4");
  });

  it.each([
    [{ gate: true, tissue_gate: false }, "stain"],
    [{ gate: true }, "stain"],
    [{ gate: false, tissue_gate: true }, "none"],
  ])("names the gates of %o", (params, gates) => {
    expect(used(params)("Gates")).toBe(gates);
  });

  it("is left out where an old run does not know it", () => {
    const told = used({ floor: 0.1 });
    expect(told("Head")).toBeUndefined();
    expect(told("Gates")).toBeUndefined();
  });
});

describe("the threshold", () => {
  it("goes back to the model's own", async () => {
    const set = vi.fn();
    show({ dial: { value: 0.7, state: "saved", set, reset: vi.fn() } });
    await userEvent.click(screen.getByRole("button", { name: "Model's 0.50" }));
    expect(set).toHaveBeenCalledWith(0.5);
  });

  it("offers no way back where it is the model's", () => {
    show();
    expect(screen.queryByRole("button", { name: /^Model's/ })).not.toBeInTheDocument();
  });

  it("turns by keys from anywhere on the page, and stays within the scores", async () => {
    const set = vi.fn();
    show({ dial: { value: 0.57, state: "saved", set, reset: vi.fn() } });
    await userEvent.keyboard("]");
    await userEvent.keyboard("[[");
    expect(set.mock.calls).toEqual([[0.58], [0.56]]);
  });
});

describe("a count without a result", () => {
  it("shows what it does, how far it is, time left, and can be cancelled", async () => {
    const progress = { done: 30, total: 120, message: "Scoring tissue", eta_s: 90 };
    const { onCancel } = show({ run: { ...run, state: "running", progress } });
    expect(screen.getByText("Scoring tissue")).toBeInTheDocument();
    expect(screen.getByText("25 %")).toBeInTheDocument();
    expect(screen.getByText("about 2 min left")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Count cells" })).not.toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect(onCancel).toHaveBeenCalledOnce();
  });

  it("counts what it has found so far", () => {
    show({
      run: { ...run, state: "running" },
      dial: { value: 0.6, state: "saved", set: vi.fn(), reset: vi.fn() },
    });
    expect(screen.getByTestId("found")).toHaveTextContent("2 cells so far");
  });

  it("says in words why it failed", () => {
    show({ run: { ...run, state: "failed", error: { code: "x", message: "The slide file is gone." } } });
    expect(screen.getByText(/The slide file is gone. Start it again/)).toBeInTheDocument();
  });
});

describe("a new count", () => {
  it("shows the model with its scores and starts over the whole slide", async () => {
    const { onStart } = show({ run: null });
    expect(
      screen.getByText(/98.0 % accuracy · 97.0 % precision · 96.0 % recall on 500 test patches/),
    ).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Count cells" }));
    expect(onStart).toHaveBeenCalledOnce();
  });

  it("in regions needs a region, and each can be removed", async () => {
    const region = rectangle(imagePoint(0, 0), imagePoint(2000, 1000));
    const plan = { where: "regions", regions: [region], tool: null, choice: USUAL_CHOICE } as const;
    const { onPlan } = show({ run: null, plan });
    expect(screen.getByText("0.5 mm²")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Remove region 1" }));
    expect(onPlan).toHaveBeenCalledWith({ ...plan, regions: [] });
  });

  it("cannot start without a region", () => {
    const plan = { where: "regions", regions: [], tool: "rectangle", choice: USUAL_CHOICE } as const;
    show({ run: null, plan });
    expect(screen.getByRole("button", { name: "Count cells" })).toBeDisabled();
  });

  it("is not for readers", () => {
    show({ run: null, canDetect: false });
    expect(screen.queryByRole("button", { name: "Count cells" })).not.toBeInTheDocument();
    expect(screen.getByText(/Lab staff of this study start a count/)).toBeInTheDocument();
  });
});

describe("without a model", () => {
  it("an admin is led to training", () => {
    show({ run: null, model: null, isAdmin: true });
    expect(screen.getByRole("link", { name: "Go to training" })).toHaveAttribute(
      "href",
      "/studies/1/training",
    );
  });

  it("lab staff are told who does what next", () => {
    show({ run: null, model: null });
    expect(screen.getByText(/An admin of this study trains a model/)).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "See the models" })).toHaveAttribute("href", "/studies/1/models");
  });
});
