/** What this installation is: version and device. */

import { useQuery } from "@tanstack/react-query";

import { request } from "./request";
import type { SystemInfo } from "./types";

export function useSystem() {
  return useQuery({
    queryKey: ["system"],
    queryFn: ({ signal }) => request<SystemInfo>("GET", "system", { signal }),
    staleTime: Infinity,
  });
}
