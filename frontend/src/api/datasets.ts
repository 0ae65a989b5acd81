/** Data-set versions: labels frozen with their split. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "./request";
import type { DatasetDetail, DatasetDiff, DatasetVersion, Id, NewDataset, Page } from "./types";

export const datasetsKey = (study: Id) => ["datasets", study] as const;
export const datasetKey = (dataset: Id) => ["dataset", dataset] as const;

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

export function useFreeze(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wish: NewDataset) =>
      request<DatasetDetail>("POST", `studies/${study}/datasets`, { body: wish }),
    meta: { quiet: true },
    onSuccess: (version) => {
      client.setQueryData(datasetKey(version.id), version);
      return client.invalidateQueries({ queryKey: datasetsKey(study) });
    },
  });
}
