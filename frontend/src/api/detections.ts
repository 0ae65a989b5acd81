/** Detection runs of a slide: start, follow, cancel, set the threshold, fetch the points. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { decodePoints } from "@/viewer/points";

import { isRunning, pollWhile } from "./polling";
import { apiUrl, request, requestBytes } from "./request";
import type { DetectionRun, Id, Page, Region } from "./types";

const runsKey = (studyId: Id, slideId: Id) =>
  ["studies", studyId, "detection-runs", { slide: slideId }] as const;
const pointsKey = (runId: Id | null) => ["detection-points", runId] as const;

/** The runs of a slide, newest first; asked every second while one of them runs. */
export function useSlideDetections(studyId: Id, slideId: Id) {
  return useQuery({
    queryKey: runsKey(studyId, slideId),
    queryFn: async ({ signal }) => {
      const query = { slide: slideId, page_size: 100 };
      const answer = await request<Page<DetectionRun>>("GET", `studies/${studyId}/detection-runs`, {
        query,
        signal,
      });
      return answer.results.sort((a, b) => b.number - a.number);
    },
    refetchInterval: ({ state }) => pollWhile(state.data?.some((run) => isRunning(run.state)) ?? false),
  });
}

/** The points of a finished run; they never change, so they are fetched once. */
export function useRunPoints(runId: Id | null) {
  return useQuery({
    queryKey: pointsKey(runId),
    queryFn: async ({ signal }) =>
      decodePoints(await requestBytes(`detection-runs/${runId}/points`, { signal })),
    enabled: runId !== null,
    staleTime: Infinity,
    gcTime: 60_000,
    structuralSharing: false,
  });
}

export interface NewDetection {
  readonly model_id?: Id;
  readonly regions: Region[] | null;
  readonly client_key: string;
}

export function useDetectionWrites(studyId: Id, slideId: Id) {
  const client = useQueryClient();
  const store = (run: DetectionRun): void => {
    client.setQueryData<DetectionRun[]>(runsKey(studyId, slideId), (runs = []) =>
      runs.some(({ id }) => id === run.id)
        ? runs.map((old) => (old.id === run.id ? run : old))
        : [run, ...runs],
    );
  };
  const onSettled = () => client.invalidateQueries({ queryKey: runsKey(studyId, slideId) });
  return {
    start: useMutation({
      mutationFn: (body: NewDetection) =>
        request<DetectionRun>("POST", `slides/${slideId}/detection-runs`, { body }),
      onSuccess: store,
      onSettled,
    }),
    cancel: useMutation({
      mutationFn: (runId: Id) => request<unknown>("POST", `detection-runs/${runId}/cancel`),
      onSettled,
    }),
    setThreshold: useMutation({
      mutationFn: ({ runId, threshold }: { runId: Id; threshold: number }) =>
        request<DetectionRun>("PATCH", `detection-runs/${runId}`, { body: { threshold } }),
      onSuccess: store,
    }),
  };
}

export type ExportKind = "csv" | "geojson";

export const exportUrl = (runId: Id, kind: ExportKind): string =>
  apiUrl(`detection-runs/${runId}/export.${kind}`);
