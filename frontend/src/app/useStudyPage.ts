/** The study of the address, and what the signed-in person may do in it. */

import { useParams } from "react-router";

import { useMe } from "@/api/auth";
import { useStudy } from "@/api/studies";
import type { Id } from "@/api/types";

import { rightsIn, type Rights } from "./permissions";

export function useStudyId(): Id {
  return Number(useParams().studyId);
}

export function useRights(study: Id): Rights {
  const me = useMe().data;
  return rightsIn(useStudy(study).data, me?.is_site_admin ?? false);
}
