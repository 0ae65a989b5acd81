/** The one door to the server: JSON in and out, CSRF, and one class for every refusal. */

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** A refusal of the server (or of the network, status 0) in words for people. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(message: string, options: { code: string; status: number; extra?: Record<string, unknown> }) {
    super(message);
    this.name = "ApiError";
    this.code = options.code;
    this.status = options.status;
    this.extra = options.extra ?? {};
  }

  /** True where trying again later may help: no network, or the server itself is in trouble. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

type Plain = string | number | boolean | null | undefined;
/** A list is sent as the same name several times. */
export type Query = Readonly<Record<string, Plain | readonly Plain[]>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly body?: unknown;
  /** Bytes instead of JSON. */
  readonly file?: Blob;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Sent even when the page is left at this moment; for small bodies. */
  readonly keepalive?: boolean;
}

export function apiUrl(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") search.append(name, String(one));
    }
  }
  const tail = search.toString();
  return `/api/${path}${tail ? `?${tail}` : ""}`;
}

export function csrfToken(): string {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

/** Headers every unsafe request carries; uploads send them too. */
export function csrfHeaders(): Record<string, string> {
  return { "X-CSRFToken": csrfToken() };
}

function fallbackMessage(status: number): string {
  if (status === 413) return "That is larger than the server accepts.";
  if (status === 429) return "Too many requests. Wait a moment and try again.";
  if (status >= 500) return "The server is in trouble. Your work is kept; try again in a moment.";
  return `The server refused this (${status}).`;
}

async function toError(response: Response): Promise<ApiError> {
  let body: { code?: unknown; message?: unknown; extra?: unknown } = {};
  try {
    const parsed: unknown = await response.json();
    if (parsed && typeof parsed === "object") body = parsed;
  } catch {
    // Not JSON: a proxy's page, or nothing at all. The status says enough.
  }
  return new ApiError(typeof body.message === "string" ? body.message : fallbackMessage(response.status), {
    code: typeof body.code === "string" ? body.code : `http_${response.status}`,
    status: response.status,
    extra: body.extra && typeof body.extra === "object" ? (body.extra as Record<string, unknown>) : {},
  });
}

const FILE_TYPE = "application/octet-stream";

/** What goes over the wire, and what it is called. */
function payloadOf({ body, file }: RequestOptions): { type?: string; data?: BodyInit } {
  if (file !== undefined) return { type: FILE_TYPE, data: file };
  return body === undefined ? {} : { type: "application/json", data: JSON.stringify(body) };
}

async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (UNSAFE.has(method)) Object.assign(headers, csrfHeaders());
  const { type, data } = payloadOf(options);
  if (type !== undefined) headers["Content-Type"] = type;
  try {
    return await fetch(apiUrl(path, options.query), {
      method,
      headers,
      credentials: "same-origin",
      body: data,
      signal: options.signal,
      keepalive: options.keepalive,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached. Check the connection; nothing you did is lost.", {
      code: "offline",
      status: 0,
    });
  }
}

/**
 * Ask the server, and answer with its JSON (undefined for 204).
 *
 * @throws ApiError for every refusal and for a missing network.
 */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(method, path, options);
  if (!response.ok) throw await toError(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export interface Answer {
  readonly bytes: ArrayBuffer;
  readonly headers: Headers;
}

/** Ask for bytes (points of a run). */
export async function requestBytes(path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send("GET", path, options);
  if (!response.ok) throw await toError(response);
  return { bytes: await response.arrayBuffer(), headers: response.headers };
}

/** Ask for what only the headers of an answer say (uploads). */
export async function requestHeaders(
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Headers> {
  const response = await send(method, path, options);
  if (!response.ok) throw await toError(response);
  return response.headers;
}
