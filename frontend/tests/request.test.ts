import { afterEach, describe, expect, it, vi } from "vitest";

import { ApiError, apiUrl, request } from "@/api/request";

import { refusal, Reply, serve } from "./server";

afterEach(() => {
  document.cookie = "csrftoken=; max-age=0";
});

describe("addresses", () => {
  it("leaves out what is not said", () => {
    expect(apiUrl("studies/1/slides", { page: 2, state: null, search: "", latest: undefined })).toBe(
      "/api/studies/1/slides?page=2",
    );
  });

  it("keeps zero and false, and escapes", () => {
    expect(apiUrl("x", { a: 0, b: false, c: "a b&c" })).toBe("/api/x?a=0&b=false&c=a+b%26c");
  });
});

describe("request", () => {
  it("sends the CSRF token with writes only", async () => {
    document.cookie = "csrftoken=abc123";
    const server = serve({ "GET studies": [], "POST studies": {} });
    await request("GET", "studies");
    await request("POST", "studies", { body: { name: "x" } });
    expect(server.asked.map(({ headers }) => headers.get("X-CSRFToken"))).toEqual([null, "abc123"]);
    expect(server.asked[1]?.body).toEqual({ name: "x" });
  });

  it("answers 204 with nothing", async () => {
    serve({ "DELETE slides/5": new Reply(204) });
    await expect(request("DELETE", "slides/5")).resolves.toBeUndefined();
  });

  it("carries the code, the words and the status of a refusal", async () => {
    serve({ "POST studies": refusal(403, "permission_denied", "You may not do this.") });
    const error = await request("POST", "studies").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: "permission_denied", status: 403, message: "You may not do this." });
    expect((error as ApiError).isTransient).toBe(false);
  });

  it("finds words where a proxy sent a page", async () => {
    vi.stubGlobal("fetch", async () => new Response("<html>Bad gateway</html>", { status: 502 }));
    const error = (await request("GET", "studies").catch((caught: unknown) => caught)) as ApiError;
    expect(error.code).toBe("http_502");
    expect(error.message).toContain("in trouble");
    expect(error.isTransient).toBe(true);
  });

  it("calls a missing network by its name", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    const error = (await request("GET", "studies").catch((caught: unknown) => caught)) as ApiError;
    expect(error).toMatchObject({ code: "offline", status: 0, isTransient: true });
  });
});
