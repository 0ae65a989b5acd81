/** The registry of trained models. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "./request";
import type { Id, Model, Page } from "./types";

export const modelsKey = (study: Id) => ["models", study] as const;

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

export function usePromote(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ model, reason }: { model: Id; reason: string }) =>
      request<Model>("POST", `models/${model}/promote`, { body: { reason } }),
    onSuccess: () => client.invalidateQueries({ queryKey: modelsKey(study) }),
  });
}
