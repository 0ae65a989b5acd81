/** The newest count of every slide, for the list of slides and the table of counts; many counts started at once. */

import {
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { isRunning, newClientKey, pollWhile } from "./polling";
import { apiUrl, request } from "./request";
import type { DetectionParams, DetectionRun, Id, Page, SlideCount, StartedCounts } from "./types";

export const latestCountsKey = (study: Id) => ["latest-counts", study] as const;
export const countsKey = (study: Id) => ["counts", study] as const;

const SLOW_POLL_MS = 3000;

const latestCountsQuery = (study: Id, slides: readonly Id[]) =>
  queryOptions({
    queryKey: [...latestCountsKey(study), slides],
    queryFn: ({ signal }) =>
      request<Page<DetectionRun>>("GET", `studies/${study}/detection-runs`, {
        query: { latest: 1, page_size: slides.length, slides },
        signal,
      }),
    refetchInterval: ({ state }) =>
      state.data?.results.some((run) => isRunning(run.state)) ? SLOW_POLL_MS : false,
  });

/** The newest count of each of these slides, which come in groups so that a known group is not asked for again. */
export function useLatestCounts(
  study: Id,
  groups: readonly (readonly Id[])[],
): ReadonlyMap<Id, DetectionRun> {
  return useQueries({
    queries: groups.filter((slides) => slides.length > 0).map((slides) => latestCountsQuery(study, slides)),
    combine: runsOfSlides,
  });
}

function runsOfSlides(answers: readonly { data?: Page<DetectionRun> }[]): ReadonlyMap<Id, DetectionRun> {
  return new Map(answers.flatMap(({ data }) => data?.results ?? []).map((run) => [run.slide, run]));
}

/** The table of counts, page by page; asked again while one of them runs. */
export function useCounts(study: Id, page: number, pageSize: number) {
  return useQuery({
    queryKey: [...countsKey(study), page],
    queryFn: ({ signal }) =>
      request<Page<SlideCount>>("GET", `studies/${study}/counts`, {
        query: { page, page_size: pageSize },
        signal,
      }),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      pollWhile(state.data?.results.some(({ run }) => isRunning(run?.state)) ?? false),
  });
}

const MOST_AT_ONCE = 100;

interface BatchWish {
  readonly slides: readonly Id[];
  readonly params?: DetectionParams;
}

/** Starts a count of each slide; many go in several requests, and what was refused comes back with the reason. */
export function useStartCounts(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ slides, params }: BatchWish) => {
      const all: StartedCounts = { runs: [], refused: [] };
      for (let first = 0; first < slides.length; first += MOST_AT_ONCE) {
        const some = slides.slice(first, first + MOST_AT_ONCE);
        const body = { slides: some, params, client_key: newClientKey() };
        const started = await request<StartedCounts>("POST", `studies/${study}/detection-runs`, { body });
        all.runs.push(...started.runs);
        all.refused.push(...started.refused);
      }
      return all;
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: countsKey(study) }),
        client.invalidateQueries({ queryKey: latestCountsKey(study) }),
      ]),
  });
}

export const countsCsvUrl = (study: Id): string => apiUrl(`studies/${study}/counts.csv`);
