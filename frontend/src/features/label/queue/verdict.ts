/** What a failed attempt to save a label means for it: try later, wait for a sign-in, or refused for good. */

export type Verdict =
  | { readonly kind: "later"; readonly why: "offline" | "server" }
  | { readonly kind: "signedOut" }
  | { readonly kind: "refused"; readonly reason: string };

/** The part of an API error that decides; anything without a status never reached the server. */
interface Answered {
  readonly status: number;
  readonly code?: string;
  readonly message: string;
}

const isAnswered = (error: unknown): error is Answered =>
  typeof error === "object" && error !== null && typeof (error as Answered).status === "number";

const SIGN_IN_CODES = new Set(["not_authenticated", "authentication_failed"]);
const PASSING = new Set([408, 423, 425, 429]);

export function verdictOn(error: unknown): Verdict {
  if (!isAnswered(error) || error.status === 0) return { kind: "later", why: "offline" };
  const { status, code = "", message } = error;
  if (status === 401 || SIGN_IN_CODES.has(code)) return { kind: "signedOut" };
  if (status >= 500 || PASSING.has(status) || code.includes("csrf")) return { kind: "later", why: "server" };
  return { kind: "refused", reason: message };
}
