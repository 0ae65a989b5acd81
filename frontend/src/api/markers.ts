/** Labels of a slide: read whole, page by page; written with a key, so that a retry makes no second label. */

import { useQuery } from "@tanstack/react-query";

import { request } from "./request";
import type { Id, Marker, Page } from "./types";

const PAGE_SIZE = 5000;

export const markersKey = (slideId: Id) => ["slides", slideId, "markers"] as const;

async function loadMarkers(slideId: Id, signal: AbortSignal): Promise<Marker[]> {
  const markers: Marker[] = [];
  for (let page = 1; ; page += 1) {
    const query = { page, page_size: PAGE_SIZE };
    const answer = await request<Page<Marker>>("GET", `slides/${slideId}/markers`, { query, signal });
    markers.push(...answer.results);
    if (answer.next === null) return markers;
  }
}

export function useMarkers(slideId: Id) {
  return useQuery({
    queryKey: markersKey(slideId),
    queryFn: ({ signal }) => loadMarkers(slideId, signal),
    staleTime: 30_000,
  });
}

export interface NewLabel {
  readonly x: number;
  readonly y: number;
  readonly class_id: Id;
  readonly client_key: string;
}

/** Crops and stores a patch under a label; the same key again answers the same marker. */
export const postPatch = (slideId: Id, body: NewLabel): Promise<Marker> =>
  request<Marker>("POST", `slides/${slideId}/patches`, { body });

/** Gives a patch another class; null withdraws one's own label. */
export const postLabel = (patchId: Id, body: { class_id: Id | null; client_key: string }): Promise<unknown> =>
  request<unknown>("POST", `patches/${patchId}/labels`, { body });
