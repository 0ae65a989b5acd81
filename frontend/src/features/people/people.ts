/** Memberships put together by person: one row each, with all the roles. */

import type { Me, Member } from "@/api/types";

export interface Person {
  readonly user: Me;
  readonly roles: readonly Member[];
  readonly since: string;
}

export function peopleOf(members: readonly Member[]): Person[] {
  const byUser = new Map<number, Member[]>();
  for (const member of members) byUser.set(member.user.id, [...(byUser.get(member.user.id) ?? []), member]);
  return [...byUser.values()].flatMap((roles) => {
    const [first] = roles;
    if (!first) return [];
    const since = roles.map(({ created_at }) => created_at).sort()[0] ?? first.created_at;
    return [{ user: first.user, roles, since }];
  });
}
