/** One cache for what the server said, and one place that hears every refusal. */

import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { ME_KEY } from "@/api/auth";
import { ApiError } from "@/api/request";

import { notifyError } from "./notify";

export { ME_KEY };

function retry(failures: number, error: Error): boolean {
  return error instanceof ApiError && error.isTransient && failures < 2;
}

export function makeQueryClient(): QueryClient {
  const onSignedOut = (error: Error): void => {
    if (error instanceof ApiError && error.status === 401) client.setQueryData(ME_KEY, null);
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: onSignedOut }),
    mutationCache: new MutationCache({
      onError: (error, _variables, _context, mutation) => {
        onSignedOut(error);
        if (!mutation.meta?.quiet) notifyError(error);
      },
    }),
    defaultOptions: { queries: { retry, staleTime: 5_000, refetchOnWindowFocus: true } },
  });
  return client;
}
