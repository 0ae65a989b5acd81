import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Proposal, Slide, Study } from "@/api/types";
import type { ReadySlidePage } from "@/viewer/ViewerPage";

import { Proposals } from "./Proposals";
import { useLabelSending } from "./queue/useLabelQueue";
import { useProposing } from "./useProposing";

vi.mock("@/viewer/slideView", () => ({ SlideView: class {} }));

const me = { id: 1, username: "ana", name: "Ana", is_site_admin: false };
const items = [
  { id: 11, key: 1, name: "Positive", counted: true, colour: "#fa3e3e", shape: "ring" as const },
  { id: 12, key: 2, name: "Negative", counted: false, colour: "#7070e1", shape: "cross" as const },
];
const study = { id: 1, patch_px: 70, model_mpp: null, classes: items } as unknown as Study;

const proposal = (patchId: number, score: number): Proposal => ({
  patch_id: patchId,
  slide: 5,
  slide_code: "S005",
  x_l0: 100 * patchId,
  y_l0: 200,
  score,
  run: 4,
  model: 3,
});

let listed: Proposal[] = [];
let sent: { address: string; body: Record<string, unknown> }[] = [];

function answer(address: string, init: RequestInit = {}): Response {
  if (init.method === "GET")
    return new Response(
      JSON.stringify({ count: listed.length, next: null, previous: null, results: listed }),
    );
  sent.push({ address, body: JSON.parse(String(init.body)) as Record<string, unknown> });
  return new Response(JSON.stringify({ made: 0, waiting: listed.length }), { status: 201 });
}

function Shown({ page }: { readonly page: ReadySlidePage }) {
  useLabelSending(me);
  const proposing = useProposing(page);
  if (!proposing.canJudge) return <p>looks on</p>;
  return (
    <Proposals items={items} proposing={proposing} onGoTo={proposing.choose} onJudge={proposing.judge} />
  );
}

function open(roles: string[] = ["pathologist"]) {
  const slide = { id: 5, study: 1, mpp: 0.25 } as Slide;
  const size = { width: 600, height: 500 };
  const page: ReadySlidePage = { study, slide, me, has: (role) => roles.includes(role), size };
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <MantineProvider env="test">
        <Shown page={page} />
      </MantineProvider>
    </QueryClientProvider>,
  );
  return userEvent.setup();
}

beforeEach(() => {
  [listed, sent] = [[proposal(1, 0.99), proposal(2, 0.93)], []];
  vi.stubGlobal("fetch", (address: string, init?: RequestInit) => Promise.resolve(answer(address, init)));
});

const tile = (score: string) => screen.findByRole("button", { name: new RegExp(`score ${score}`) });

describe("proposals", () => {
  it("are judged by a class, saved with a key, and the next one is asked for", async () => {
    const user = open();
    await user.click(await tile("0.99"));
    await user.click(screen.getByRole("button", { name: /Not a cell \(Negative\)/ }));
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]?.address).toContain("/patches/1/labels");
    expect(sent[0]?.body).toMatchObject({ class_id: 12 });
    expect(sent[0]?.body.client_key).toMatch(/^[0-9a-f-]{36}$/);
    expect(screen.queryByRole("button", { name: /score 0.99/ })).toBeNull();
    expect(await tile("0.93")).toHaveAttribute("aria-pressed", "true");
  });

  it("can be put aside without a class", async () => {
    const user = open();
    await user.click(await tile("0.93"));
    await user.click(screen.getByRole("button", { name: /Put aside/ }));
    await expect.poll(() => sent[0]?.body).toMatchObject({ class_id: null });
    expect(await tile("0.99")).toHaveAttribute("aria-pressed", "true");
  });

  it("ask nothing before one is chosen", async () => {
    open();
    await tile("0.99");
    expect(screen.queryByRole("group", { name: "Is this a cell?" })).toBeNull();
  });

  it("are looked for on this slide when asked", async () => {
    listed = [];
    const user = open();
    expect(await screen.findByText(/Nothing waits/)).toBeVisible();
    await user.click(screen.getByRole("button", { name: "Find more" }));
    await expect.poll(() => sent[0]?.body).toEqual({ slides: [5], limit: 24 });
  });

  it("are not for those who only look on", () => {
    open(["lab"]);
    expect(screen.getByText("looks on")).toBeVisible();
  });
});
