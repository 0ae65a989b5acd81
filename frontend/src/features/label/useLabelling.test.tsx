import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Marker, Slide, Study } from "@/api/types";
import { imagePoint } from "@/viewer/coordinates";
import { changeSettings } from "@/viewer/settings";
import type { ReadySlidePage } from "@/viewer/ViewerPage";

import { useLabelSending } from "./queue/useLabelQueue";
import { useLabelling } from "./useLabelling";

vi.mock("@/viewer/slideView", () => ({ SlideView: class {} }));

const me = { id: 1, username: "ana", name: "Ana", is_site_admin: false };
const classes = [
  { id: 11, key: 1, name: "Positive" },
  { id: 12, key: 2, name: "Negative" },
];
const study = { id: 1, patch_px: 70, model_mpp: null, classes } as unknown as Study;

let markers: Marker[] = [];
let sent: { address: string; body: Record<string, unknown> }[] = [];
let slideId = 100;

const marker = (patch_id: number, x_l0: number, y_l0: number, class_id: number): Marker => ({
  patch_id,
  x_l0,
  y_l0,
  class_id,
  mine: true,
  source: "click",
  reader: { id: me.id, name: me.name },
  created_at: "2026-01-01T00:00:00Z",
});

/** The server's outer edge: remembers what was sent and answers as it would. */
function answer(address: string, init: RequestInit = {}): Response {
  const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });
  if (init.method === "GET")
    return json({ count: markers.length, next: null, previous: null, results: markers });
  const body = JSON.parse(String(init.body)) as Record<string, unknown>;
  sent.push({ address, body });
  return json(marker(900 + sent.length, Number(body.x), Number(body.y), Number(body.class_id)), 201);
}

function page(roles: string[] = ["pathologist"]): ReadySlidePage {
  const slide = { id: slideId, study: 1, mpp: 0.25 } as Slide;
  return { study, slide, me, has: (role) => roles.includes(role), size: { width: 600, height: 500 } };
}

async function open(shown: ReadySlidePage) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={client}>{children}</QueryClientProvider>
  );
  const hook = renderHook(
    () => {
      useLabelSending(me);
      return useLabelling(shown);
    },
    { wrapper },
  );
  await waitFor(() => expect(hook.result.current.isLoading).toBe(false));
  return hook.result;
}

beforeEach(() => {
  [markers, sent] = [[], []];
  slideId += 1;
  changeSettings({ classId: null });
  vi.stubGlobal("fetch", (address: string, init?: RequestInit) => Promise.resolve(answer(address, init)));
});

afterEach(() => vi.unstubAllGlobals());

describe("labelling", () => {
  it("labels the pixel under the point, shows it at once, and saves it with a key", async () => {
    const labelling = await open(page());
    act(() => labelling.current.labelAt(imagePoint(300.9, 200.2)));
    expect(labelling.current.marks).toMatchObject([
      { classId: 11, pixel: { x: 300, y: 200 }, isWaiting: true },
    ]);
    await waitFor(() =>
      expect(labelling.current.marks).toMatchObject([{ isWaiting: false, ref: { patchId: 901 } }]),
    );
    expect(sent).toMatchObject([
      { address: `/api/slides/${slideId}/patches`, body: { x: 300, y: 200, class_id: 11 } },
    ]);
    expect(String(sent[0]!.body.client_key)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("moves the patch inwards at an edge and labels nothing outside the slide", async () => {
    const labelling = await open(page());
    act(() => labelling.current.labelAt(imagePoint(3, 499)));
    act(() => labelling.current.labelAt(imagePoint(-1, 20)));
    await waitFor(() => expect(sent).toHaveLength(1));
    expect(sent[0]!.body).toMatchObject({ x: 35, y: 465 });
  });

  it("undoes and redoes, also what is saved by then", async () => {
    const labelling = await open(page());
    act(() => labelling.current.labelAt(imagePoint(100, 100)));
    await waitFor(() => expect(labelling.current.marks[0]?.isWaiting).toBe(false));
    act(() => labelling.current.undo?.());
    expect(labelling.current.marks).toEqual([]);
    await waitFor(() => expect(sent).toHaveLength(2));
    expect(sent[1]).toMatchObject({ address: "/api/patches/901/labels", body: { class_id: null } });
    act(() => labelling.current.redo?.());
    await waitFor(() => expect(sent).toHaveLength(3));
    expect(sent[2]).toMatchObject({ address: "/api/patches/901/labels", body: { class_id: 11 } });
    expect(labelling.current.marks).toMatchObject([{ classId: 11, pixel: { x: 100, y: 100 } }]);
  });

  it("changes the class of a selected label, and the class to come when none is selected", async () => {
    markers = [marker(5, 50, 60, 11)];
    const labelling = await open(page());
    act(() => labelling.current.select(labelling.current.marks[0]!));
    act(() => labelling.current.chooseClass(12));
    expect(labelling.current.marks).toMatchObject([{ classId: 12 }]);
    await waitFor(() =>
      expect(sent).toMatchObject([{ address: "/api/patches/5/labels", body: { class_id: 12 } }]),
    );
    act(() => labelling.current.select(null));
    act(() => labelling.current.chooseClass(12));
    expect(labelling.current.classId).toBe(12);
    expect(sent).toHaveLength(1);
  });

  it("keeps the selection while a label gets its name from the server", async () => {
    const labelling = await open(page());
    act(() => labelling.current.labelAt(imagePoint(100, 100)));
    act(() => labelling.current.select(labelling.current.marks[0]!));
    await waitFor(() => expect(labelling.current.marks[0]?.isWaiting).toBe(false));
    expect(labelling.current.selected).toMatchObject({ ref: { patchId: 901 } });
    act(() => labelling.current.withdraw());
    expect(labelling.current.marks).toEqual([]);
    await waitFor(() => expect(sent.at(-1)).toMatchObject({ address: "/api/patches/901/labels" }));
  });

  it("is not for lab staff: they look on", async () => {
    markers = [marker(5, 50, 60, 11)];
    const labelling = await open(page(["lab"]));
    act(() => labelling.current.labelAt(imagePoint(100, 100)));
    act(() => labelling.current.select(labelling.current.marks[0]!));
    act(() => labelling.current.chooseClass(12));
    act(() => labelling.current.withdraw());
    expect(labelling.current.canLabel).toBe(false);
    expect(labelling.current.marks).toMatchObject([{ classId: 11 }]);
    expect(sent).toEqual([]);
  });
});
