/** A server made of plain functions behind `fetch`, the outer edge: what was asked is kept, what is answered is given. */

import { vi } from "vitest";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly headers: Headers;
}

type Answer = unknown;
type Handler = Answer | ((asked: Asked) => Answer);

/** An answer that is not 200 JSON. */
export class Reply {
  constructor(
    readonly status: number,
    readonly body: unknown = undefined,
    readonly headers: Record<string, string> = {},
  ) {}
}

export const refusal = (status: number, code: string, message: string): Reply =>
  new Reply(status, { code, message, extra: {} });

export const pageOf = <T>(results: readonly T[]) => ({
  count: results.length,
  next: null,
  previous: null,
  results,
});

export interface FakeServer {
  readonly asked: Asked[];
  /** What was asked by a method at a path, in order. */
  readonly to: (method: string, path: string) => Asked[];
}

/** Routes are "GET studies/1"; anything not named answers 404 as the server would. */
export function serve(routes: Record<string, Handler>): FakeServer {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const { pathname, searchParams } = new URL(url, "http://lab.test");
    const one: Asked = {
      method: init.method ?? "GET",
      path: pathname.replace("/api/", ""),
      query: searchParams,
      body: typeof init.body === "string" ? JSON.parse(init.body) : (init.body ?? undefined),
      headers: new Headers(init.headers),
    };
    asked.push(one);
    const handler =
      routes[`${one.method} ${one.path}`] ?? refusal(404, "not_found", "There is nothing here.");
    const answer: unknown =
      typeof handler === "function" ? await (handler as (asked: Asked) => unknown)(one) : handler;
    if (answer instanceof Reply) {
      return new Response(answer.body === undefined ? null : JSON.stringify(answer.body), {
        status: answer.status,
        headers: answer.headers,
      });
    }
    return new Response(JSON.stringify(answer), { status: 200 });
  });
  return { asked, to: (method, path) => asked.filter((one) => one.method === method && one.path === path) };
}
