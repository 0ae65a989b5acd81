/** Proposals: finds that are probably no cells, for a pathologist to judge. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { request } from "./request";
import type { Id, Mined, Page, Proposal } from "./types";

const PAGE_SIZE = 200;

export const proposalsKey = (study: Id, slide: Id) => ["proposals", study, slide] as const;

/** The proposals of a slide that nobody has judged, the best first. */
export function useProposals(study: Id, slide: Id, isWanted: boolean) {
  return useQuery({
    queryKey: proposalsKey(study, slide),
    queryFn: async ({ signal }) => {
      const query = { slide, page_size: PAGE_SIZE };
      const page = await request<Page<Proposal>>("GET", `studies/${study}/proposals`, { query, signal });
      return page.results;
    },
    enabled: isWanted,
  });
}

/** Looks for more on this slide; how many may wait is limited, so asking twice is asking once. */
export function useMine(study: Id, slide: Id) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (limit: number) =>
      request<Mined>("POST", `studies/${study}/proposals`, { body: { slides: [slide], limit } }),
    onSuccess: () => client.invalidateQueries({ queryKey: proposalsKey(study, slide) }),
  });
}
