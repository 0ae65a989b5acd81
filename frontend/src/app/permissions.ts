/** What a person's roles in a study allow them; the server has the last word. */

import type { Study } from "@/api/types";

export interface Rights {
  readonly isAdmin: boolean;
  readonly canUpload: boolean;
  readonly canLabel: boolean;
  readonly canDetect: boolean;
}

export function rightsIn(study: Pick<Study, "roles"> | undefined, isSiteAdmin: boolean): Rights {
  const has = (role: Study["roles"][number]): boolean =>
    isSiteAdmin || (study?.roles.includes(role) ?? false);
  const isAdmin = has("admin");
  return {
    isAdmin,
    canUpload: isAdmin || has("lab"),
    canLabel: isAdmin || has("pathologist"),
    canDetect: isAdmin || has("lab"),
  };
}
