/** Data-set versions: labels frozen with their split. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { isRunning, pollWhile } from "./polling";
import { request } from "./request";
import type {
  DatasetDetail,
  DatasetDiff,
  DatasetFreeze,
  DatasetVersion,
  Id,
  NewDataset,
  Page,
} from "./types";

export const datasetsKey = (study: Id) => ["datasets", study] as const;
export const datasetKey = (dataset: Id) => ["dataset", dataset] as const;

export const freezesKey = (study: Id) => ["freezes", study] as const;
export const freezeKey = (freeze: Id) => ["freeze", freeze] as const;

export function useDatasets(study: Id) {
  return useQuery({
    queryKey: datasetsKey(study),
    queryFn: ({ signal }) =>
      request<Page<DatasetVersion>>("GET", `studies/${study}/datasets`, {
        query: { page_size: 200 },
        signal,
      }),
  });
}

export function useDataset(dataset: Id) {
  return useQuery({
    queryKey: datasetKey(dataset),
    queryFn: ({ signal }) => request<DatasetDetail>("GET", `datasets/${dataset}`, { signal }),
    // A version never changes.
    staleTime: Infinity,
  });
}

export function useDatasetDiff(dataset: Id, other: Id | null) {
  return useQuery({
    queryKey: ["dataset-diff", dataset, other],
    queryFn: ({ signal }) =>
      request<DatasetDiff>("GET", `datasets/${dataset}/diff`, { query: { with: other }, signal }),
    enabled: other !== null,
    staleTime: Infinity,
  });
}

/** The latest freezes; a version that one of them came to joins the list of versions as soon as it is there. */
export function useFreezes(study: Id) {
  const client = useQueryClient();
  return useQuery({
    queryKey: freezesKey(study),
    queryFn: async ({ signal }) => {
      const query = { page_size: 20 };
      const found = await request<Page<DatasetFreeze>>("GET", `studies/${study}/dataset-freezes`, {
        query,
        signal,
      });
      const versions = client.getQueryData<Page<DatasetVersion>>(datasetsKey(study))?.results;
      const isNews = ({ dataset }: DatasetFreeze) =>
        dataset !== null && !versions?.some(({ id }) => id === dataset);
      if (versions && found.results.some(isNews)) {
        await client.invalidateQueries({ queryKey: datasetsKey(study) });
      }
      return found;
    },
    refetchInterval: (query) =>
      pollWhile(query.state.data?.results.some(({ state }) => isRunning(state)) ?? false),
  });
}

export function useFreeze(freeze: Id) {
  return useQuery({
    queryKey: freezeKey(freeze),
    queryFn: ({ signal }) => request<DatasetFreeze>("GET", `dataset-freezes/${freeze}`, { signal }),
    refetchInterval: (query) => pollWhile(isRunning(query.state.data?.state)),
  });
}

export function useStartFreeze(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wish: NewDataset & { client_key: string }) =>
      request<DatasetFreeze>("POST", `studies/${study}/dataset-freezes`, { body: wish }),
    meta: { quiet: true },
    onSuccess: (freeze) => {
      client.setQueryData(freezeKey(freeze.id), freeze);
      return client.invalidateQueries({ queryKey: freezesKey(study) });
    },
  });
}

export function useCancelFreeze(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (freeze: Id) => request<DatasetFreeze>("POST", `dataset-freezes/${freeze}/cancel`),
    onSettled: (_data, _error, freeze) =>
      Promise.all([
        client.invalidateQueries({ queryKey: freezeKey(freeze) }),
        client.invalidateQueries({ queryKey: freezesKey(study) }),
      ]),
  });
}
