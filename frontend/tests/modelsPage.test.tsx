import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Comparison, Model, ModelCard, ModelImport, Role } from "@/api/types";
import { needsReason, pValueWords, verdictWords } from "@/features/models/verdict";

import { me, model, study, trainingRun } from "./factories";
import { comparison, modelCard, modelImport } from "./registryFactories";
import { openAt } from "./render";
import { pageOf, refusal, Reply, serve } from "./server";

const current = model({
  id: 8,
  number: 3,
  status: "current",
  promoted_by: "Carmen Quispe",
  promoted_at: "2026-11-10T10:00:00Z",
  reason: "first",
});

function base(roles: Role[], models: Model[]) {
  return {
    "GET auth/me": me(),
    "GET studies/1": study({ roles }),
    "GET studies/1/models": pageOf(models),
    "GET training-runs/4": trainingRun(),
    "GET studies/1/models/roll-back": { current: { id: 8, number: 3 }, former: null },
  };
}

function open(models: Model[], roles: Role[], more: Record<string, unknown> = {}) {
  const server = serve({ ...base(roles, models), ...more });
  return { server, ...openAt("/studies/1/models") };
}

describe("models", () => {
  it("stand with the current one first, each with what it was trained on", async () => {
    open([model(), current], ["pathologist"]);
    const [first] = await screen.findAllByRole("article");
    expect(first).toHaveAccessibleName("Model 3");
    expect(within(first!).getByText(/Made current by Carmen Quispe, Nov 10, 2026: “first”/)).toBeVisible();
    expect(await within(first!).findByText(/1,632 to learn/)).toBeVisible();
    expect(within(first!).getByRole("link", { name: "Model card: Model 3" })).toHaveAttribute(
      "href",
      "/studies/1/models/8",
    );
  });

  it("from elsewhere say who brought them and that nobody judged them", async () => {
    open([model({ training_run: null, imported_by: "Jorge Huamán", metrics: null })], ["lab"]);
    expect(await screen.findByText("by Jorge Huamán, from outside")).toBeVisible();
    expect(screen.getByText(/Nobody here has judged it yet/)).toBeVisible();
  });

  it("are changed by admins only", async () => {
    open([model(), current], ["lab", "pathologist"]);
    await screen.findAllByRole("article");
    for (const name of [/Make current/, /Go back/, /Import/]) {
      expect(screen.queryByRole("button", { name })).toBeNull();
    }
  });

  it("say when none counts yet", async () => {
    open([model()], ["lab"]);
    expect(await screen.findByText(/No model is current yet/)).toBeVisible();
  });

  it.each<[Role, RegExp]>([
    ["admin", /Start the first one/],
    ["lab", /An admin of this study starts trainings/],
  ])("that are none tell %s what comes first", async (role, text) => {
    open([], [role]);
    expect(await screen.findByText(text)).toBeVisible();
  });
});

describe("a promotion", () => {
  async function ask(answers: Record<string, unknown>, models: Model[] = [model(), current]) {
    const opened = open(models, ["admin"], {
      "POST models/9/promote": model({ status: "current" }),
      ...answers,
    });
    await opened.user.click(await screen.findByRole("button", { name: "Make current: Model 4" }));
    const dialog = within(await screen.findByRole("dialog"));
    return { ...opened, dialog, go: () => dialog.getByRole("button", { name: "Make current" }) };
  }

  it("of a better model shows the evidence and needs no reason", async () => {
    const { server, user, dialog, go } = await ask({ "POST models/9/comparison": comparison() });
    expect(await dialog.findByRole("status")).toHaveTextContent("Model 4 is better than model 3.");
    const row = within(dialog.getByRole("row", { name: /Accuracy/ }));
    expect(row.getByText("97.0 %")).toBeVisible();
    expect(row.getByText("95.0 % to 99.0 %")).toBeVisible();
    expect(row.getByText("93.0 %")).toBeVisible();
    expect(row.getByText("+4.0 %")).toBeVisible();
    expect(
      dialog.getByText(/right on 30, only the current model on 9 \(McNemar, p = 0.0014\)/),
    ).toBeVisible();
    expect(dialog.getByText(/On 530 test patches of data set 2/)).toBeVisible();
    await user.click(go());
    await expect.poll(() => server.to("POST", "models/9/promote")[0]?.body).toEqual({ reason: "" });
  });

  it.each<[Partial<Comparison>, string]>([
    [{ verdict: "worse" }, "Model 4 is worse than model 3."],
    [{ verdict: "not_told_apart" }, "These patches cannot tell the two models apart."],
    [{ verdict: "not_told_apart", result: null, left_out: 60 }, "No patch is left"],
  ])("of one that is not better asks why: %o", async (change, told) => {
    const { server, user, dialog, go } = await ask({ "POST models/9/comparison": comparison(change) });
    expect(await dialog.findByRole("status")).toHaveTextContent(told);
    expect(go()).toBeDisabled();
    expect(dialog.getByText("Needed, for this model was not found better.")).toBeVisible();
    await user.type(dialog.getByLabelText(/Reason/), "   ");
    expect(go()).toBeDisabled();
    await user.type(dialog.getByLabelText(/Reason/), "Half the size ");
    await user.click(go());
    await expect
      .poll(() => server.to("POST", "models/9/promote")[0]?.body)
      .toEqual({ reason: "Half the size" });
  });

  it("says which patches were left out and what nobody knows", async () => {
    const { dialog } = await ask({
      "POST models/9/comparison": comparison({ left_out: 1200, unknown_data: [4] }),
    });
    expect(await dialog.findByText(/1,200 more were left out, for model 3 has seen them/)).toBeVisible();
    expect(dialog.getByText(/What model 4 learned from is not known here/)).toBeVisible();
  });

  it("waits for the worker, and asks for one comparison only", async () => {
    const running = comparison({
      state: "running",
      verdict: null,
      result: null,
      progress: { done: 100, total: 200, message: "Judging the test patches", eta_s: 4 },
    });
    let looks = 0;
    const { server, dialog, go } = await ask({
      "POST models/9/comparison": new Reply(201, running),
      "GET comparisons/6": () => ((looks += 1) > 1 ? comparison() : running),
    });
    expect(await dialog.findByText("Judging the test patches")).toBeVisible();
    expect(go()).toBeDisabled();
    expect(await dialog.findByRole("status", {}, { timeout: 4000 })).toHaveTextContent("is better");
    expect(go()).toBeEnabled();
    expect(server.to("POST", "models/9/comparison")).toHaveLength(1);
  });

  it("goes on with a reason where nothing can be compared", async () => {
    const { server, user, dialog, go } = await ask({
      "POST models/9/comparison": refusal(409, "comparison_without_data", "There are no frozen labels."),
    });
    expect(await dialog.findByRole("alert")).toHaveTextContent("There are no frozen labels.");
    expect(go()).toBeDisabled();
    await user.type(dialog.getByLabelText(/Reason/), "No labels yet");
    await user.click(go());
    await expect.poll(() => server.to("POST", "models/9/promote")).toHaveLength(1);
  });

  it("shows why a comparison failed", async () => {
    const error = { code: "checkpoint_damaged", message: "The model file is damaged." };
    const { dialog, go } = await ask({
      "POST models/9/comparison": comparison({ state: "failed", verdict: null, result: null, error }),
    });
    expect(await dialog.findByRole("alert")).toHaveTextContent("The model file is damaged.");
    expect(go()).toBeDisabled();
  });

  it("of the first model compares nothing", async () => {
    const { server, user, dialog, go } = await ask({}, [model()]);
    expect(dialog.getByText(/The first model of a study needs no comparison/)).toBeVisible();
    await user.click(go());
    await expect.poll(() => server.to("POST", "models/9/promote")[0]?.body).toEqual({ reason: "" });
    expect(server.to("POST", "models/9/comparison")).toHaveLength(0);
  });

  it("of the first model closes its dialog, though the new list has a current one", async () => {
    const models = [model()];
    const nothing = { current: null, former: null };
    const isFirst = () => models[0]?.status === "candidate";
    const { server, user, go } = await ask(
      {
        "GET studies/1/models": () => pageOf(models),
        // The list is there long before the rest of what a promotion changes.
        "GET studies/1/models/roll-back": () => (isFirst() ? nothing : new Promise(() => undefined)),
        "POST models/9/promote": () => (models[0] = model({ status: "current" })),
      },
      models,
    );
    await user.click(go());
    expect(await screen.findByText("Model 4 is current")).toBeVisible();
    await expect.poll(() => screen.queryByRole("dialog")).toBeNull();
    expect(server.to("POST", "models/9/comparison")).toHaveLength(0);
  });
});

describe("a roll back", () => {
  it("is one button where another model counted before", async () => {
    const { server, user } = open([model(), current], ["admin"], {
      "GET studies/1/models/roll-back": { current: { id: 8, number: 3 }, former: { id: 7, number: 2 } },
      "POST studies/1/models/roll-back": model({ id: 7, number: 2, status: "current" }),
    });
    await user.click(await screen.findByRole("button", { name: "Go back to model 2" }));
    const dialog = within(await screen.findByRole("dialog"));
    expect(dialog.getByText(/model 3 is retired/)).toBeVisible();
    await user.type(dialog.getByLabelText(/Reason/), "It counts twice");
    await user.click(dialog.getByRole("button", { name: "Go back" }));
    await expect
      .poll(() => server.to("POST", "studies/1/models/roll-back")[0]?.body)
      .toEqual({ reason: "It counts twice" });
    expect(await screen.findByText("Model 2 is current")).toBeVisible();
  });

  it("is not offered where none did", async () => {
    open([current], ["admin"]);
    await screen.findByRole("button", { name: "Import a model" });
    expect(screen.queryByRole("button", { name: /Go back/ })).toBeNull();
  });
});

describe("an import", () => {
  async function send(answer: unknown, inspected: Partial<ModelImport> = {}) {
    const opened = open([current], ["admin"], {
      "POST studies/1/models/import": answer,
      "GET model-imports/3": modelImport(inspected),
    });
    await opened.user.click(await screen.findByRole("button", { name: "Import a model" }));
    const dialog = within(await screen.findByRole("dialog"));
    const file = new File(["model"], "theirs.safetensors");
    const input = document.querySelector<HTMLInputElement>('input[type="file"]');
    await opened.user.upload(input!, file);
    await opened.user.click(dialog.getByRole("button", { name: "Import" }));
    return { ...opened, dialog, file };
  }

  it("sends the bytes and says when the model is here", async () => {
    const { server, file } = await send(new Reply(201, modelImport()), { state: "done", model_id: 10 });
    expect(await screen.findByText("The model is here, as a candidate")).toBeVisible();
    const [asked] = server.to("POST", "studies/1/models/import");
    expect(asked?.body).toBe(file);
    expect(asked?.headers.get("Content-Type")).toBe("application/octet-stream");
    expect(asked?.query.get("file_name")).toBe("theirs.safetensors");
    expect(asked?.query.get("client_key")).toMatch(/^[0-9a-f-]{36}$/);
    await expect.poll(() => screen.queryByRole("dialog")).toBeNull();
    expect(server.to("GET", "studies/1/models").length).toBeGreaterThan(1);
  });

  it("shows in the form why a file was refused", async () => {
    const { dialog } = await send(new Reply(201, modelImport()), {
      state: "failed",
      error: { code: "checkpoint_damaged", message: "The model file is damaged or no model at all." },
    });
    expect(await dialog.findByRole("alert")).toHaveTextContent("damaged or no model at all");
    expect(dialog.getByRole("button", { name: "Import" })).toBeEnabled();
  });

  it("shows in the form why a file was not taken", async () => {
    const { dialog } = await send(refusal(413, "model_too_large", "A model file has at most 512 MiB."));
    expect(await dialog.findByRole("alert")).toHaveTextContent("at most 512 MiB");
  });
});

describe("a model card", () => {
  function openCard(card: ModelCard) {
    serve({ ...base(["pathologist"], []), "GET models/9/card": card });
    return openAt("/studies/1/models/9");
  }

  it("tells everything and can be taken along", async () => {
    openCard(
      modelCard({
        history: [
          {
            id: 1,
            kind: "promotion",
            model: { id: 9, number: 4 },
            previous: { id: 8, number: 3 },
            comparison: 6,
            verdict: "better",
            reason: "fewer misses",
            created_by: "Carmen Quispe",
            created_at: "2026-11-20T10:00:00Z",
          },
        ],
      }),
    );
    expect(await screen.findByRole("heading", { name: "Model 4: card" })).toBeVisible();
    expect(screen.getByText("It knows its own stain.")).toBeVisible();
    expect(screen.getByText("Chosen on the validation patches.")).toBeVisible();
    expect(screen.getByRole("row", { name: "Lymphocyte 830 276 277" })).toBeVisible();
    expect(
      screen.getByText(/from 0.21 DAB density; keeps 99\.9.% of the counted, lets 24\.0.% of/),
    ).toBeVisible();
    expect(
      screen.getByText("rank 64; 0 patches called differently, scores at most 0.014 apart"),
    ).toBeVisible();
    expect(
      screen.getByText("Made current by Carmen Quispe · after model 3 · better · “fewer misses”"),
    ).toBeVisible();
    expect(screen.getByRole("link", { name: "Download the card" })).toHaveAttribute(
      "href",
      "/api/models/9/card.md",
    );
    expect(screen.getByRole("link", { name: "Download the model" })).toHaveAttribute(
      "href",
      "/api/models/9/checkpoint",
    );
  });

  it("says where a model has neither gate nor low-rank head", async () => {
    const plain = modelCard();
    openCard({ ...plain, inside: { ...plain.inside!, gate: null, low_rank: null } });
    expect(await screen.findByText("none")).toBeVisible();
    expect(screen.getByText("none; the full head counts")).toBeVisible();
  });

  it("of an imported model says what is not known", async () => {
    const plain = modelCard();
    openCard({
      ...plain,
      dataset: null,
      inside: null,
      scores: null,
      origin: {
        ...plain.origin,
        kind: "imported",
        words: "Imported by Ana from outside.",
        file_name: "a.st",
      },
    });
    expect(await screen.findByText("Imported by Ana from outside.")).toBeVisible();
    expect(screen.getByText("What it learned from is not known in this study.")).toBeVisible();
    expect(screen.getByText(/The file is missing or damaged/)).toBeVisible();
    expect(screen.getByText(/Nobody here has judged it yet/)).toBeVisible();
    expect(screen.getByText("Never yet.")).toBeVisible();
  });

  it("that is not there says so", async () => {
    serve(base(["pathologist"], []));
    openAt("/studies/1/models/77");
    expect(await screen.findByText("Nothing here")).toBeVisible();
  });
});

describe("verdicts", () => {
  it("need a reason unless they are better", () => {
    expect(needsReason(comparison())).toBe(false);
    expect(needsReason(comparison({ verdict: "worse" }))).toBe(true);
    expect(needsReason(null)).toBe(true);
  });

  it("say when too few patches were left", () => {
    const { result } = comparison();
    const few = comparison({ verdict: "not_told_apart", result: { ...result!, too_few: true } });
    expect(verdictWords(few)).toMatch(/Too few patches/);
  });

  it.each([
    [1, "= 1.0"],
    [0.0414, "= 0.041"],
    [0.00012, "< 0.001"],
  ])("print p = %f as papers do", (p, told) => {
    expect(pValueWords(p)).toBe(told);
  });
});
