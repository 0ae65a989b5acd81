/** The newest count of every slide, for the slide grid. */

import { useQuery } from "@tanstack/react-query";

import { isRunning } from "./polling";
import { request } from "./request";
import type { DetectionRun, Id, Page } from "./types";

export const latestCountsKey = (study: Id) => ["latest-counts", study] as const;

const SLOW_POLL_MS = 3000;

export function useLatestCounts(study: Id) {
  return useQuery({
    queryKey: latestCountsKey(study),
    queryFn: ({ signal }) =>
      request<Page<DetectionRun>>("GET", `studies/${study}/detection-runs`, {
        query: { latest: 1, page_size: 500 },
        signal,
      }),
    select: (page) => new Map(page.results.map((run) => [run.slide, run])),
    refetchInterval: (query) =>
      query.state.data?.results.some((run) => isRunning(run.state)) ? SLOW_POLL_MS : false,
  });
}
