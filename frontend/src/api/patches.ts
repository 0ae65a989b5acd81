/** Labelled crops. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { apiUrl, request } from "./request";
import type { Id, Page, Patch, PatchSummary } from "./types";

export const patchesKey = (study: Id) => ["patches", study] as const;
export const patchSummaryKey = (study: Id) => ["patch-summary", study] as const;

export interface PatchFilter {
  readonly page?: number;
  readonly page_size?: number;
  readonly class_id?: Id | null;
  readonly slide?: Id | null;
  readonly source?: string | null;
  readonly ordering?: string;
}

export function usePatches(study: Id, filter: PatchFilter) {
  return useQuery({
    queryKey: [...patchesKey(study), filter],
    queryFn: ({ signal }) =>
      request<Page<Patch>>("GET", `studies/${study}/patches`, { query: { ...filter }, signal }),
    placeholderData: keepPreviousData,
  });
}

export function usePatchSummary(study: Id) {
  return useQuery({
    queryKey: patchSummaryKey(study),
    queryFn: ({ signal }) => request<PatchSummary>("GET", `studies/${study}/patch-summary`, { signal }),
  });
}

export const patchImageUrl = (patch: Id): string => apiUrl(`patches/${patch}/image`);
