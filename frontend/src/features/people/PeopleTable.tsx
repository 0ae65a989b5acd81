/** Who is in the study, in which roles, since when. */

import { Badge, CloseButton, Table } from "@mantine/core";

import { useMe } from "@/api/auth";
import { useRemoveMember } from "@/api/studies";
import type { Id, Member } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { confirm } from "@/features/common/confirm";
import { formatDate } from "@/format";
import { words } from "@/words";

import { peopleOf, type Person } from "./people";
import classes from "./PeopleTable.module.css";

const text = words.people;

const nameOf = ({ user }: Pick<Member, "user">): string => user.name || user.username;

function RoleBadge({ member, onRemove }: { member: Member; onRemove: ((member: Member) => void) | null }) {
  const role = words.common.roles[member.role];
  const label = text.removeLabel(role, nameOf(member));
  return (
    <Badge
      size="lg"
      color={member.role === "admin" ? "ink" : "gray"}
      rightSection={
        onRemove && (
          <CloseButton
            size={18}
            iconSize={12}
            variant="transparent"
            aria-label={label}
            title={label}
            onClick={() => onRemove(member)}
          />
        )
      }
    >
      {role}
    </Badge>
  );
}

interface RowProps {
  person: Person;
  isMe: boolean;
  onRemove: ((member: Member) => void) | null;
}

function PersonRow({ person, isMe, onRemove }: RowProps) {
  return (
    <Table.Tr>
      <Table.Td>
        <span className={classes.name}>{nameOf(person)}</span>
        {isMe && <span className={classes.you}> ({text.you})</span>}
        <div className={classes.fine}>{person.user.username}</div>
      </Table.Td>
      <Table.Td>
        <div className={classes.roles}>
          {person.roles.map((member) => (
            <RoleBadge key={member.id} member={member} onRemove={onRemove} />
          ))}
        </div>
      </Table.Td>
      <Table.Td className={classes.fine}>{formatDate(person.since)}</Table.Td>
    </Table.Tr>
  );
}

export function PeopleTable({
  study,
  members,
  canChange,
}: {
  study: Id;
  members: readonly Member[];
  canChange: boolean;
}) {
  const me = useMe().data;
  const remove = useRemoveMember(study);
  const ask = (member: Member) => {
    const name = nameOf(member);
    confirm({
      title: text.removeTitle(name),
      text: text.removeText(name, words.common.roles[member.role]),
      yes: text.remove,
      no: words.common.cancel,
      onYes: () => remove.mutate(member.id, { onSuccess: () => notifyDone(text.removed(name)) }),
    });
  };
  return (
    <Table verticalSpacing="sm" horizontalSpacing="lg">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{text.person}</Table.Th>
          <Table.Th>{text.role}</Table.Th>
          <Table.Th>{text.since}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {peopleOf(members).map((person) => (
          <PersonRow
            key={person.user.id}
            person={person}
            isMe={person.user.id === me?.id}
            onRemove={canChange ? ask : null}
          />
        ))}
      </Table.Tbody>
    </Table>
  );
}
