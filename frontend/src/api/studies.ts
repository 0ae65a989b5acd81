/** Studies and the people in them. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "./request";
import type { Id, Member, Page, Role, Study } from "./types";

export const studiesKey = ["studies"] as const;
export const studyKey = (study: Id) => ["study", study] as const;
const membersKey = (study: Id) => ["members", study] as const;

export interface StudyDraft {
  name: string;
  description: string;
  model_mpp: number | null;
}

export function useStudies() {
  return useQuery({
    queryKey: studiesKey,
    queryFn: ({ signal }) => request<Page<Study>>("GET", "studies", { query: { page_size: 200 }, signal }),
  });
}

export function useStudy(study: Id) {
  return useQuery({
    queryKey: studyKey(study),
    queryFn: ({ signal }) => request<Study>("GET", `studies/${study}`, { signal }),
  });
}

/** The name of a study for the trail; nothing is asked while there is none. */
export function useStudyName(study: Id | null): string | undefined {
  return useQuery({
    queryKey: studyKey(study ?? 0),
    queryFn: ({ signal }) => request<Study>("GET", `studies/${study}`, { signal }),
    enabled: study !== null,
    select: ({ name }) => name,
  }).data;
}

export function useCreateStudy() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (draft: StudyDraft) => request<Study>("POST", "studies", { body: draft }),
    meta: { quiet: true },
    onSuccess: (study) => {
      client.setQueryData(studyKey(study.id), study);
      return client.invalidateQueries({ queryKey: studiesKey });
    },
  });
}

export type StudyChange = StudyDraft & Pick<Study, "radius_um" | "quota_bytes">;

export function useChangeStudy(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: StudyChange) => request<Study>("PATCH", `studies/${study}`, { body: change }),
    meta: { quiet: true },
    onSuccess: (changed) => {
      client.setQueryData(studyKey(study), changed);
      return client.invalidateQueries({ queryKey: studiesKey });
    },
  });
}

export function useMembers(study: Id) {
  return useQuery({
    queryKey: membersKey(study),
    queryFn: ({ signal }) => request<Member[]>("GET", `studies/${study}/members`, { signal }),
  });
}

export function useAddMember(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (member: { username: string; role: Role; name?: string }) =>
      request<Member>("POST", `studies/${study}/members`, { body: member }),
    meta: { quiet: true },
    onSuccess: () => client.invalidateQueries({ queryKey: membersKey(study) }),
  });
}

export function useRemoveMember(study: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (member: Id) => request<void>("DELETE", `members/${member}`),
    onSuccess: () => client.invalidateQueries({ queryKey: membersKey(study) }),
  });
}
