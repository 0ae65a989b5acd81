/** Who may do what in a study. */

import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserPlus, IconUsers } from "@tabler/icons-react";

import { useMembers } from "@/api/studies";
import type { Id } from "@/api/types";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Panel } from "@/features/common/Panel";
import { AddPerson } from "@/features/people/AddPerson";
import { PeopleTable } from "@/features/people/PeopleTable";
import { words } from "@/words";

const text = words.people;

function People({ study, isAdmin, onAdd }: { study: Id; isAdmin: boolean; onAdd: () => void }) {
  const members = useMembers(study);
  if (members.isPending) return <Loading />;
  if (members.isError) return <LoadError error={members.error} onRetry={() => void members.refetch()} />;
  if (members.data.length === 0) {
    return (
      <EmptyState
        icon={IconUsers}
        title={text.emptyTitle}
        text={isAdmin ? text.emptyText : text.emptyOther}
        action={isAdmin && <Button onClick={onAdd}>{text.add}</Button>}
      />
    );
  }
  return (
    <>
      <Panel label={text.title} isFlush>
        <PeopleTable study={study} members={members.data} canChange={isAdmin} />
      </Panel>
      {!isAdmin && (
        <Text mt="md" size="sm" c="dimmed">
          {text.readOnly}
        </Text>
      )}
    </>
  );
}

export function PeoplePage() {
  const study = useStudyId();
  const { isAdmin } = useRights(study);
  const [isOpen, { open, close }] = useDisclosure();
  return (
    <>
      <PageHeader title={text.title} lead={text.lead}>
        {isAdmin && (
          <Button leftSection={<IconUserPlus size={17} stroke={1.8} />} onClick={open}>
            {text.add}
          </Button>
        )}
      </PageHeader>
      <People study={study} isAdmin={isAdmin} onAdd={open} />
      {isAdmin && <AddPerson study={study} isOpen={isOpen} onClose={close} />}
    </>
  );
}
