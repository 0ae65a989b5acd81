import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Member, Model, Role } from "@/api/types";

import { me, member, model, patch, study, summary, trainingRun } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, Reply, serve, type Asked } from "./server";

function base(roles: Role[]) {
  return { "GET auth/me": me(), "GET studies/1": study({ roles }) };
}

describe("models", () => {
  const current = model({
    id: 8,
    number: 3,
    status: "current",
    promoted_by: "Carmen Quispe",
    promoted_at: "2026-11-10T10:00:00Z",
    reason: "first",
  });

  function open(models: Model[], roles: Role[]) {
    const server = serve({
      ...base(roles),
      "GET studies/1/models": pageOf(models),
      "GET training-runs/4": trainingRun(),
      "POST models/9/promote": model({ status: "current" }),
    });
    return { server, ...openAt("/studies/1/models") };
  }

  it("stand with the current one first, each with what it was trained on", async () => {
    open([model(), current], ["pathologist"]);
    const [first] = await screen.findAllByRole("article");
    expect(first).toHaveAccessibleName("Model 3");
    expect(within(first!).getByText(/Made current by Carmen Quispe, Nov 10, 2026: “first”/)).toBeVisible();
    expect(await within(first!).findByText(/1,632 to learn/)).toBeVisible();
  });

  it("are promoted by an admin with a reason", async () => {
    const { server, user } = open([model(), current], ["admin"]);
    await user.click(await screen.findByRole("button", { name: "Make current: Model 4" }));
    const dialog = await screen.findByRole("dialog");
    expect(within(dialog).getByText("Now current: model 3")).toBeVisible();
    await user.type(within(dialog).getByLabelText("Reason"), " Better recall ");
    await user.click(within(dialog).getByRole("button", { name: "Make current" }));
    await expect
      .poll(() => server.to("POST", "models/9/promote")[0]?.body)
      .toEqual({ reason: "Better recall" });
  });

  it("are not promoted by others", async () => {
    open([model(), current], ["lab", "pathologist"]);
    await screen.findAllByRole("article");
    expect(screen.queryByRole("button", { name: /Make current/ })).toBeNull();
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

describe("people", () => {
  const lab: Member = member({
    id: 22,
    role: "lab",
    user: me({ id: 2, username: "j.huaman", name: "Jorge Huamán" }),
  });

  function open(
    roles: Role[],
    answer: unknown = new Reply(201, member({ id: 23, password: "maple-otter-42" })),
  ) {
    const server = serve({
      ...base(roles),
      "GET studies/1/members": [member(), lab],
      "POST studies/1/members": answer,
      "DELETE members/22": new Reply(204),
    });
    return { server, ...openAt("/studies/1/people") };
  }

  it("show a first password once", async () => {
    const { server, user } = open(["admin"]);
    await user.click(await screen.findByRole("button", { name: "Add someone" }));
    await user.type(await screen.findByLabelText(/User name/), "a.torres");
    await user.click(screen.getByRole("radio", { name: "Lab staff" }));
    await user.click(screen.getByRole("button", { name: "Add" }));
    expect(await screen.findByText("maple-otter-42")).toBeVisible();
    expect(server.to("POST", "studies/1/members")[0]?.body).toEqual({
      username: "a.torres",
      name: "",
      role: "lab",
    });
    await user.click(screen.getByRole("button", { name: "I have passed it on" }));
    await expect.poll(() => screen.queryByText("maple-otter-42")).toBeNull();
  });

  it("say in the form why somebody could not be added", async () => {
    const { user } = open(["admin"], refusal(409, "member_exists", "Jorge has this role already."));
    await user.click(await screen.findByRole("button", { name: "Add someone" }));
    await user.type(await screen.findByLabelText(/User name/), "j.huaman");
    await user.click(screen.getByRole("button", { name: "Add" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Jorge has this role already.");
  });

  it("lose a role only after a question", async () => {
    const { server, user } = open(["admin"]);
    await user.click(await screen.findByRole("button", { name: "Remove Lab staff from Jorge Huamán" }));
    const dialog = await screen.findByRole("dialog");
    await user.click(within(dialog).getByRole("button", { name: "Remove role" }));
    await expect.poll(() => server.to("DELETE", "members/22").length).toBe(1);
  });

  it("are changed by admins only", async () => {
    open(["pathologist"]);
    expect(await screen.findByText("Jorge Huamán")).toBeVisible();
    expect(screen.queryByRole("button", { name: /Remove/ })).toBeNull();
    expect(screen.queryByRole("button", { name: "Add someone" })).toBeNull();
  });
});

describe("patches", () => {
  function open(total: number, roles: Role[] = ["pathologist"]) {
    const server = serve({
      ...base(roles),
      "GET studies/1/patch-summary": summary(total, 0),
      "GET studies/1/patches": ({ query }: Asked) => ({
        ...pageOf([
          patch(),
          patch({ id: 32, slide: null, slide_code: null, x_l0: null, y_l0: null, source: "import" }),
        ]),
        count: query.get("class_id") === "12" ? 0 : 300,
      }),
    });
    return { server, ...openAt("/studies/1/patches") };
  }

  it("lead to their place on the slide", async () => {
    open(300);
    const image = await screen.findByRole("img", { name: "Lymphocyte, patch 31" });
    expect(image.closest("a")).toHaveAttribute("href", "/studies/1/slides/5/label#x=4000&y=3000&zoom=2");
    expect(screen.getByRole("img", { name: "Lymphocyte, patch 32" }).closest("a")).toBeNull();
  });

  it("are filtered and paged by the server", async () => {
    const { server, user } = open(300);
    await user.click(await screen.findByRole("button", { name: "Next page" }));
    await expect.poll(() => server.to("GET", "studies/1/patches").at(-1)?.query.get("page")).toBe("2");
    await user.click(screen.getByRole("radio", { name: /Other/ }));
    expect(await screen.findByText("No patch matches")).toBeVisible();
    const last = server.to("GET", "studies/1/patches").at(-1)?.query;
    expect([last?.get("page"), last?.get("class_id")]).toEqual(["1", "12"]);
  });

  it("that are none say how to make or import them", async () => {
    open(0, ["admin"]);
    expect(await screen.findByText(/each double-click becomes a patch/)).toBeVisible();
    expect(screen.getByText('./run manage import_patches PATH --study "CD3 in colon"')).toBeVisible();
  });
});
