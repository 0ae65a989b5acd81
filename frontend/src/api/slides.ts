/** Slides of a study: what is there, what is still being read in, what failed. */

import {
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { countsKey, latestCountsKey } from "./counts";
import { isRunning, pollWhile } from "./polling";
import { apiUrl, request } from "./request";
import { studyKey } from "./studies";
import type { Id, Page, ScaleChange, ScaleSource, Slide, SlideFacets, SlideName, SlidesDone } from "./types";

export const slidesKey = (study: Id) => ["slides", study] as const;
export const slideKey = (slide: Id) => ["slide", slide] as const;
const facetsKey = (study: Id) => ["slide-facets", study] as const;

export interface SlideFilter {
  readonly page?: number;
  readonly page_size?: number;
  readonly state?: string;
  readonly search?: string;
  readonly case_code?: string;
  readonly stain?: string;
  readonly uploaded_by?: string;
  readonly uploaded_from?: string;
  readonly uploaded_before?: string;
  readonly missing?: string;
  readonly ordering?: string;
}

const slidesQuery = (study: Id, filter: SlideFilter) =>
  queryOptions({
    queryKey: [...slidesKey(study), filter],
    queryFn: ({ signal }) =>
      request<Page<Slide>>("GET", `studies/${study}/slides`, { query: { ...filter }, signal }),
    refetchInterval: ({ state }) =>
      pollWhile(state.data?.results.some((slide) => isRunning(slide.state)) ?? false),
  });

export function useSlides(study: Id, filter: SlideFilter = {}) {
  return useQuery({ ...slidesQuery(study, filter), placeholderData: keepPreviousData });
}

/** Rows that are asked for together. */
export const CHUNK = 60;

/** Those chunks of a long list that are in sight; the first one always, since it tells how many slides there are. */
export function useSlideChunks(study: Id, filter: SlideFilter, pages: readonly number[]) {
  const first = useSlides(study, { ...filter, page: 1, page_size: CHUNK });
  const wanted = pages.filter((page) => page > 1);
  const others = useQueries({
    queries: wanted.map((page) => slidesQuery(study, { ...filter, page, page_size: CHUNK })),
  });
  const chunks = new Map(wanted.map((page, at) => [page, others[at]?.data?.results]));
  chunks.set(1, first.data?.results);
  const failed = others.find(({ isError }) => isError);
  return { first, chunks, failed };
}

/** What the slides of a study can be filtered by. */
export function useSlideFacets(study: Id) {
  return useQuery({
    queryKey: facetsKey(study),
    queryFn: ({ signal }) => request<SlideFacets>("GET", `studies/${study}/slide-facets`, { signal }),
  });
}

const slideNames = (study: Id, filter: SlideFilter, signal?: AbortSignal) =>
  request<SlideName[]>("GET", `studies/${study}/slide-names`, { query: { ...filter }, signal });

/** Every slide that a filter finds, in its order; asked for when somebody chooses many. */
export function useSlideNames(study: Id) {
  return useMutation({ mutationFn: (filter: SlideFilter) => slideNames(study, filter) });
}

/** Every slide of a study that can be opened, in order of their codes. */
export function useReadySlides(study: Id) {
  return useQuery({
    queryKey: ["ready-slides", study],
    queryFn: ({ signal }) => slideNames(study, { state: "ready" }, signal),
  });
}

export function useSlide(slide: Id) {
  return useQuery({
    queryKey: slideKey(slide),
    queryFn: ({ signal }) => request<Slide>("GET", `slides/${slide}`, { signal }),
    refetchInterval: (query) => pollWhile(isRunning(query.state.data?.state)),
  });
}

/** The code of a slide for the trail; nothing is asked while there is none. */
export function useSlideName(slide: Id | null): string | undefined {
  return useQuery({
    queryKey: slideKey(slide ?? 0),
    queryFn: ({ signal }) => request<Slide>("GET", `slides/${slide}`, { signal }),
    enabled: slide !== null,
    select: ({ code }) => code,
  }).data;
}

/** Of every slide of a study: densities rest on scales. */
const runsOfKey = (study: Id) => ["studies", study, "detection-runs"] as const;

const scaleChangesKey = (slide: Id) => ["scale-changes", slide] as const;

/** Who set the scale of a slide, the newest change first. */
export function useScaleChanges(slide: Id) {
  return useQuery({
    queryKey: scaleChangesKey(slide),
    queryFn: ({ signal }) => request<ScaleChange[]>("GET", `slides/${slide}/scale-changes`, { signal }),
  });
}

export type SlideChange = Partial<Pick<Slide, "case_code" | "stain" | "mpp" | "note">> & {
  readonly mpp_source?: ScaleSource;
};

/** The row changes where it stands: asked for anew, it would jump to another place of a sorted list. */
function replaceIn(page: Page<Slide> | undefined, changed: Slide): Page<Slide> | undefined {
  return page && { ...page, results: page.results.map((one) => (one.id === changed.id ? changed : one)) };
}

export function useChangeSlide(slide: Slide) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: SlideChange) => request<Slide>("PATCH", `slides/${slide.id}`, { body: change }),
    onSuccess: (changed) => {
      const queryKey = slidesKey(slide.study);
      client.setQueryData(slideKey(slide.id), changed);
      client.setQueriesData<Page<Slide>>({ queryKey }, (page) => replaceIn(page, changed));
      void client.invalidateQueries({ queryKey, refetchType: "none" });
      void client.invalidateQueries({ queryKey: scaleChangesKey(slide.id) });
      return Promise.all(
        [facetsKey, runsOfKey, latestCountsKey, countsKey].map((key) =>
          client.invalidateQueries({ queryKey: key(slide.study) }),
        ),
      );
    },
  });
}

const MOST_AT_ONCE = 500;

/** Sends many slides in several requests, and gathers what became of each. */
async function sendMany(path: string, slides: readonly Id[], more: object = {}): Promise<SlidesDone> {
  const all: SlidesDone = { done: [], refused: [] };
  for (let first = 0; first < slides.length; first += MOST_AT_ONCE) {
    const body = { slides: slides.slice(first, first + MOST_AT_ONCE), ...more };
    const { done, refused } = await request<SlidesDone>("POST", path, { body });
    all.done.push(...done);
    all.refused.push(...refused);
  }
  return all;
}

function useManySlides<Wish>(study: Id, send: (wish: Wish) => Promise<SlidesDone>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSettled: () =>
      Promise.all(
        [slidesKey(study), facetsKey(study), studyKey(study)].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}

export function useChangeSlides(study: Id) {
  return useManySlides(study, ({ slides, changes }: { slides: readonly Id[]; changes: SlideChange }) =>
    sendMany(`studies/${study}/slide-changes`, slides, { changes }),
  );
}

export function useDeleteSlides(study: Id) {
  return useManySlides(study, (slides: readonly Id[]) =>
    sendMany(`studies/${study}/slide-deletions`, slides),
  );
}

/** Only a slide that failed can be taken away. */
export function useDeleteSlide(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (slide: Id) => request<void>("DELETE", `slides/${slide}`),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: slidesKey(study) }),
        client.invalidateQueries({ queryKey: studyKey(study) }),
      ]),
  });
}

export const thumbnailUrl = (slide: Id): string => apiUrl(`slides/${slide}/thumbnail`);
export const tileUrl = (slide: Id, level: number, col: number, row: number): string =>
  apiUrl(`slides/${slide}/tiles/${level}/${col}_${row}.jpg`);
