/** Training runs: start, watch, stop, cancel. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { isRunning, pollWhile } from "./polling";
import { request } from "./request";
import type { Id, NewTraining, Page, TrainingRun, TrainingRunDetail, TrialDetail } from "./types";

export const trainingRunsKey = (study: Id) => ["training-runs", study] as const;
export const trainingRunKey = (run: Id) => ["training-run", run] as const;

export function useTrainingRuns(study: Id) {
  return useQuery({
    queryKey: trainingRunsKey(study),
    queryFn: ({ signal }) =>
      request<Page<TrainingRun>>("GET", `studies/${study}/training-runs`, {
        query: { page_size: 100 },
        signal,
      }),
    refetchInterval: (query) =>
      pollWhile(query.state.data?.results.some((run) => isRunning(run.state)) ?? false),
  });
}

export function useTrainingRun(run: Id | null) {
  return useQuery({
    queryKey: trainingRunKey(run ?? 0),
    queryFn: ({ signal }) => request<TrainingRunDetail>("GET", `training-runs/${run}`, { signal }),
    enabled: run !== null,
    refetchInterval: (query) => pollWhile(isRunning(query.state.data?.state)),
  });
}

export function useStartTraining(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (training: NewTraining) =>
      request<TrainingRunDetail>("POST", `studies/${study}/training-runs`, { body: training }),
    onSuccess: (run) => {
      client.setQueryData(trainingRunKey(run.id), run);
      return client.invalidateQueries({ queryKey: trainingRunsKey(study) });
    },
  });
}

/** One trial with its curve; asked for only where it is not the one that the run shows anyway. */
export function useTrial(run: Id, number: number | null, isLive: boolean) {
  return useQuery({
    queryKey: [...trainingRunKey(run), "trial", number ?? 0],
    queryFn: ({ signal }) => request<TrialDetail>("GET", `training-runs/${run}/trials/${number}`, { signal }),
    enabled: number !== null,
    refetchInterval: pollWhile(isLive),
  });
}

/** Stop keeps the best so far; cancel throws everything away. */
export function useEndTraining(study: Id, how: "stop" | "cancel") {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (run: Id) => request<TrainingRunDetail>("POST", `training-runs/${run}/${how}`),
    onSettled: (_data, _error, run) =>
      Promise.all([
        client.invalidateQueries({ queryKey: trainingRunKey(run) }),
        client.invalidateQueries({ queryKey: trainingRunsKey(study) }),
      ]),
  });
}
