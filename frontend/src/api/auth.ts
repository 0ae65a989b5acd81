/** Who is signed in. */

import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";

import { ApiError, request } from "./request";
import type { Me } from "./types";

export const ME_KEY = ["me"] as const;

async function fetchMe(signal?: AbortSignal): Promise<Me | null> {
  try {
    return await request<Me>("GET", "auth/me", { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

/** The signed-in person; null for nobody. */
export function useMe() {
  return useQuery({ queryKey: ME_KEY, queryFn: ({ signal }) => fetchMe(signal), staleTime: 60_000 });
}

/** Another person: nothing the server told the last one stays. */
function becomes(client: QueryClient, me: Me | null): void {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== ME_KEY[0] });
  client.setQueryData(ME_KEY, me);
}

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (credentials: { username: string; password: string }) =>
      request<Me>("POST", "auth/login", { body: credentials }),
    meta: { quiet: true },
    onSuccess: (me) => becomes(client, me),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => request<void>("POST", "auth/logout"),
    onSuccess: () => becomes(client, null),
  });
}
