/** Detection runs of a slide: start, follow, cancel, set the threshold, fetch the points. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { decodePoints, joinPoints, NO_POINTS, type Points } from "@/viewer/points";

import { latestCountsKey } from "./counts";
import { isRunning, pollWhile } from "./polling";
import { apiUrl, request, requestBytes } from "./request";
import type { DetectionParams, DetectionRun, Id, Page, Region, UnreadArea } from "./types";

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
      decodePoints((await requestBytes(`detection-runs/${runId}/points`, { signal })).bytes),
    enabled: runId !== null,
    staleTime: Infinity,
    gcTime: 60_000,
    structuralSharing: false,
  });
}

interface Found {
  readonly points: Points;
  /** Blocks whose points are here. */
  readonly blocks: number;
}

const NOTHING_FOUND: Found = { points: NO_POINTS, blocks: 0 };

async function foundSince(runId: Id, known: Found, signal: AbortSignal): Promise<Found> {
  const { bytes, headers } = await requestBytes(`detection-runs/${runId}/found`, {
    query: { after: known.blocks },
    signal,
  });
  const blocks = Number(headers.get("Blocks-Done") ?? known.blocks);
  if (blocks === known.blocks) return known;
  return foundSince(runId, { points: joinPoints(known.points, decodePoints(bytes)), blocks }, signal);
}

/** What a run has found so far: each time only the blocks that were done since. */
export function useFoundPoints(run: Pick<DetectionRun, "id" | "state" | "progress"> | null) {
  const runId = run?.id ?? null;
  const blocksDone = run?.progress.done ?? 0;
  const client = useQueryClient();
  const key = ["detection-found", runId] as const;
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) =>
      runId === null
        ? NOTHING_FOUND
        : foundSince(runId, client.getQueryData<Found>(key) ?? NOTHING_FOUND, signal),
    enabled: isRunning(run?.state),
    refetchInterval: ({ state }) => pollWhile((state.data?.blocks ?? 0) < blocksDone),
    gcTime: 60_000,
    structuralSharing: false,
    select: ({ points }) => points,
  });
}

/** Where a run could not read the slide; asked again when more blocks have failed. */
export function useUnreadAreas(run: Pick<DetectionRun, "id" | "unread_px" | "blocks_failed"> | null) {
  return useQuery({
    queryKey: ["detection-unread", run?.id, run?.unread_px, run?.blocks_failed] as const,
    queryFn: ({ signal }) => request<UnreadArea[]>("GET", `detection-runs/${run?.id}/unread`, { signal }),
    enabled: run !== null && (run.unread_px > 0 || run.blocks_failed > 0),
    staleTime: Infinity,
  });
}

export interface NewDetection {
  readonly model_id?: Id;
  readonly regions: Region[] | null;
  readonly params?: DetectionParams;
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
        request<DetectionRun>("PATCH", `detection-runs/${runId}`, { body: { threshold }, keepalive: true }),
      // One after the other: what was set last is what stays.
      scope: { id: `thresholds of ${slideId}` },
      onSuccess: (run) => {
        store(run);
        void client.invalidateQueries({ queryKey: latestCountsKey(studyId) });
      },
    }),
  };
}

export type ExportKind = "csv" | "geojson";

export const exportUrl = (runId: Id, kind: ExportKind): string =>
  apiUrl(`detection-runs/${runId}/export.${kind}`);
