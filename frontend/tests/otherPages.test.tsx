import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Member, Role } from "@/api/types";

import { me, member, patch, study, summary } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, Reply, serve, type Asked } from "./server";

function base(roles: Role[]) {
  return { "GET auth/me": me(), "GET studies/1": study({ roles }) };
}

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

describe("a study's settings", () => {
  function open(roles: Role[], answer?: unknown) {
    const before = study({ roles, quota_bytes: 2_000_000_000, description: "Colon" });
    const server = serve({
      "GET auth/me": me(),
      "GET studies/1": before,
      "GET studies/1/members": [member()],
      "GET studies": pageOf([before]),
      "PATCH studies/1": answer ?? study({ roles, name: "CD3 in stomach" }),
    });
    return { server, ...openAt("/studies/1/people") };
  }

  it("are changed by an admin, all but the scale that patches were cut at", async () => {
    const { server, user } = open(["admin"]);
    await user.click(await screen.findByRole("button", { name: "Settings" }));
    const name = await screen.findByLabelText(/^Name/);
    expect(screen.getByLabelText(/^Model scale/)).toBeDisabled();
    await user.clear(name);
    await user.type(name, "CD3 in stomach");
    const quota = screen.getByLabelText(/^Most that the study may hold/);
    expect(quota).toHaveValue("2");
    await user.clear(quota);
    await user.click(screen.getByRole("button", { name: "Save" }));
    await expect.poll(() => screen.queryByRole("button", { name: "Save" })).toBeNull();
    expect(server.to("PATCH", "studies/1")[0]?.body).toEqual({
      name: "CD3 in stomach",
      description: "Colon",
      model_mpp: null,
      radius_um: 4,
      quota_bytes: null,
    });
  });

  it("say what is wrong before they are sent, and what the server refused", async () => {
    const { server, user } = open(
      ["admin"],
      refusal(409, "study_name_taken", "A study of this name exists."),
    );
    await user.click(await screen.findByRole("button", { name: "Settings" }));
    const radius = await screen.findByLabelText(/^Smallest distance/);
    await user.clear(radius);
    await user.type(radius, "0");
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(screen.getByText("More than 0 and at most 100 µm.")).toBeVisible();
    expect(server.to("PATCH", "studies/1")).toHaveLength(0);
    await user.clear(radius);
    await user.type(radius, "3.5");
    await user.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("A study of this name exists.");
    expect(server.to("PATCH", "studies/1")[0]?.body).toMatchObject({ radius_um: 3.5, quota_bytes: 2e9 });
  });

  it("are not offered to others", async () => {
    open(["lab", "pathologist"]);
    expect(await screen.findByRole("heading", { name: "People" })).toBeVisible();
    expect(screen.queryByRole("button", { name: "Settings" })).toBeNull();
  });
});
