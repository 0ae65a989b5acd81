/** The registry: models compared, promoted, rolled back, taken out and brought in. */

import { useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";

import { isRunning, newClientKey, pollWhile } from "./polling";
import { apiUrl, request } from "./request";
import type { Comparison, Id, Model, ModelCard, ModelImport, Page, RollBack } from "./types";

export const modelsKey = (study: Id) => ["models", study] as const;
const rollBackKey = (study: Id) => [...modelsKey(study), "roll-back"] as const;

export const checkpointUrl = (model: Id): string => apiUrl(`models/${model}/checkpoint`);
export const cardFileUrl = (model: Id): string => apiUrl(`models/${model}/card.md`);

export function useModels(study: Id) {
  return useQuery({
    queryKey: modelsKey(study),
    queryFn: ({ signal }) =>
      request<Page<Model>>("GET", `studies/${study}/models`, { query: { page_size: 100 }, signal }),
  });
}

/** The model new counts are made with, if a promotion has named one. */
export function useCurrentModel(study: Id): Model | undefined {
  return useModels(study).data?.results.find((model) => model.status === "current");
}

export function useModelCard(model: Id) {
  return useQuery({
    queryKey: ["model-card", model],
    queryFn: ({ signal }) => request<ModelCard>("GET", `models/${model}/card`, { signal }),
  });
}

/**
 * The comparison of a model with the one that counts: asked for when the dialog opens, then watched.
 *
 * Asking twice makes no second comparison, so that a query may do it.
 */
export function useComparison(model: Id, current: Id) {
  const asked = useQuery({
    queryKey: ["comparison-of", model, current],
    queryFn: () => request<Comparison>("POST", `models/${model}/comparison`),
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
  });
  const id = asked.data?.id ?? null;
  const watched = useQuery({
    queryKey: ["comparison", id],
    queryFn: ({ signal }) => request<Comparison>("GET", `comparisons/${id}`, { signal }),
    enabled: id !== null && isRunning(asked.data?.state),
    refetchInterval: (query) => pollWhile(isRunning(query.state.data?.state ?? "queued")),
  });
  return { comparison: watched.data ?? asked.data ?? null, error: asked.error ?? watched.error };
}

/** Not waited for: a dialog hears of its success while it still stands, before the new list changes it. */
function askAgain(client: QueryClient, study: Id): void {
  void client.invalidateQueries({ queryKey: modelsKey(study) });
}

export function usePromote(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ model, reason }: { model: Id; reason: string }) =>
      request<Model>("POST", `models/${model}/promote`, { body: { reason } }),
    onSuccess: () => askAgain(client, study),
  });
}

/** Which model a roll back would bring back. */
export function useRollBackTarget(study: Id) {
  return useQuery({
    queryKey: rollBackKey(study),
    queryFn: ({ signal }) => request<RollBack>("GET", `studies/${study}/models/roll-back`, { signal }),
  });
}

export function useRollBack(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) =>
      request<Model>("POST", `studies/${study}/models/roll-back`, { body: { reason } }),
    onSuccess: () => askAgain(client, study),
  });
}

/** Send a model file; the form shows a refusal itself. */
export function useSendModel(study: Id) {
  return useMutation({
    mutationFn: (file: File) =>
      request<ModelImport>("POST", `studies/${study}/models/import`, {
        query: { client_key: newClientKey(), file_name: file.name },
        file,
      }),
    meta: { quiet: true },
  });
}

/** Watch the inspection of a file that was sent. */
export function useModelImport(sent: ModelImport | undefined) {
  const id = sent?.id ?? null;
  const query = useQuery({
    queryKey: ["model-import", id],
    queryFn: ({ signal }) => request<ModelImport>("GET", `model-imports/${id}`, { signal }),
    enabled: id !== null,
    refetchInterval: ({ state }) => pollWhile(isRunning(state.data?.state ?? "queued")),
  });
  return query.data ?? sent;
}
