import { screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { me, study } from "./factories";
import { openAt } from "./render";
import { pageOf, refusal, Reply, serve } from "./server";

const signedOut = { "GET auth/me": refusal(401, "not_authenticated", "You are not signed in.") };

async function signIn(user: ReturnType<typeof openAt>["user"]) {
  await user.type(await screen.findByLabelText("User name"), "c.quispe");
  await user.type(screen.getByLabelText("Password"), "secret");
  await user.click(screen.getByRole("button", { name: "Sign in" }));
}

describe("the door", () => {
  it("sends strangers to the sign-in and remembers where they wanted to go", async () => {
    serve(signedOut);
    const { router } = openAt("/studies/1/models?x=1");
    await screen.findByRole("button", { name: "Sign in" });
    expect(router.state.location.pathname).toBe("/sign-in");
    expect(new URLSearchParams(router.state.location.search).get("next")).toBe("/studies/1/models?x=1");
  });

  it("says in words why a sign-in failed", async () => {
    serve({
      ...signedOut,
      "POST auth/login": refusal(400, "wrong_credentials", "Name or password is wrong."),
    });
    const { user } = openAt("/sign-in");
    await signIn(user);
    expect(await screen.findByRole("alert")).toHaveTextContent("Name or password is wrong.");
  });

  it("asks for what is missing before it asks the server", async () => {
    const server = serve(signedOut);
    const { user } = openAt("/sign-in");
    await user.click(await screen.findByRole("button", { name: "Sign in" }));
    expect(screen.getAllByText("Please fill this in.")).toHaveLength(2);
    expect(server.to("POST", "auth/login")).toEqual([]);
  });

  it.each([
    ["/studies", "/studies"],
    ["//evil.test/x", "/studies"],
    ["/\\evil.test", "/studies"],
    ["https://evil.test", "/studies"],
  ])("after signing in, next=%s leads to %s", async (next, expected) => {
    serve({ ...signedOut, "POST auth/login": me(), "GET studies": pageOf([study()]) });
    const { user, router } = openAt(`/sign-in?next=${encodeURIComponent(next)}`);
    await signIn(user);
    await waitFor(() => expect(router.state.location.pathname).toBe(expected));
  });

  it("leads back to the sign-in when the session has ended meanwhile", async () => {
    serve({
      "GET auth/me": me(),
      "GET studies": refusal(401, "not_authenticated", "You are not signed in."),
    });
    const { router } = openAt("/studies");
    await waitFor(() => expect(router.state.location.pathname).toBe("/sign-in"));
  });

  it("signs out", async () => {
    const server = serve({
      "GET auth/me": me(),
      "GET studies": pageOf([]),
      "POST auth/logout": new Reply(204),
    });
    const { user, router } = openAt("/studies");
    await user.click(await screen.findByRole("button", { name: "Signed in as Carmen Quispe" }));
    await user.click(await screen.findByRole("menuitem", { name: "Sign out" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/sign-in"));
    expect(server.to("POST", "auth/logout")).toHaveLength(1);
  });
});

describe("studies", () => {
  it("tells somebody without a study whom to ask", async () => {
    serve({ "GET auth/me": me(), "GET studies": pageOf([]) });
    openAt("/studies");
    expect(await screen.findByText(/Nobody has added you to a study yet/)).toBeVisible();
    expect(screen.queryByRole("button", { name: "New study" })).toBeNull();
  });

  it("lets a site admin create one and opens it", async () => {
    const made = study({ id: 8, name: "CD20 pilot", roles: ["admin"], slide_count: 0 });
    const server = serve({
      "GET auth/me": me({ is_site_admin: true }),
      "GET studies": pageOf([study()]),
      "POST studies": new Reply(201, made),
      "GET studies/8": made,
      "GET studies/8/slides": pageOf([]),
      "GET studies/8/detection-runs": pageOf([]),
    });
    const { user, router } = openAt("/studies");
    await user.click(await screen.findByRole("button", { name: "New study" }));
    await user.type(await screen.findByLabelText(/^Name/), "CD20 pilot");
    await user.click(screen.getByRole("button", { name: "Create study" }));
    await waitFor(() => expect(router.state.location.pathname).toBe("/studies/8/slides"));
    expect(server.to("POST", "studies")[0]?.body).toEqual({
      name: "CD20 pilot",
      description: "",
      model_mpp: null,
    });
  });

  it("shows an absent study and somebody else's alike", async () => {
    serve({ "GET auth/me": me() });
    openAt("/studies/99/slides");
    expect(await screen.findByText("Nothing here")).toBeVisible();
  });
});
