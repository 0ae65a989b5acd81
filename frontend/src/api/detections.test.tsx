import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { renderHook, waitFor } from "@testing-library/react";
import type { ReactNode } from "react";
import { expect, it, vi } from "vitest";

import { detectionRun } from "../../tests/factories";

import { useFoundPoints } from "./detections";

/** What three blocks found, one cell each; an answer holds two of them at most. */
const BLOCKS = [1, 2, 3].map((x) => [x, 10 * x, x / 10]);

function serveBlocks() {
  const asked: number[] = [];
  let done = 2;
  vi.stubGlobal("fetch", (address: string) => {
    const after = Number(new URL(address, "http://here").searchParams.get("after"));
    asked.push(after);
    const until = Math.max(after, Math.min(done, after + 2));
    const bytes = new Float32Array(BLOCKS.slice(after, until).flat()).buffer;
    return Promise.resolve(new Response(bytes, { headers: { "Blocks-Done": String(until) } }));
  });
  return {
    asked,
    finish: () => {
      done = 3;
    },
  };
}

const running = (done: number) =>
  detectionRun({ state: "running", progress: { done, total: 4, message: "", eta_s: null } });

it("fetches of a run that goes on only what was found since", async () => {
  const server = serveBlocks();
  const client = new QueryClient();
  const wrapper = ({ children }: { readonly children: ReactNode }) => (
    <QueryClientProvider client={client}>{children}</QueryClientProvider>
  );
  const { result, rerender } = renderHook(({ run }) => useFoundPoints(run), {
    wrapper,
    initialProps: { run: running(2) },
  });
  await waitFor(() => expect(result.current.data?.count).toBe(2));
  expect(server.asked).toEqual([0, 2]);
  server.finish();
  rerender({ run: running(3) });
  await waitFor(() => expect(result.current.data?.count).toBe(3));
  expect([...(result.current.data?.xy ?? [])]).toEqual([1, 10, 2, 20, 3, 30]);
  expect(server.asked).toEqual([0, 2, 2, 3]);
  rerender({ run: detectionRun({ state: "done" }) });
  expect(result.current.data?.count).toBe(3);
});
