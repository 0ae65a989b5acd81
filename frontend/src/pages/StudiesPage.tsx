/** All studies that are mine to see. */

import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFolderPlus, IconMicroscope } from "@tabler/icons-react";

import { useMe } from "@/api/auth";
import { useStudies } from "@/api/studies";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { NewStudy } from "@/features/studies/NewStudy";
import { StudyCard } from "@/features/studies/StudyCard";
import { words } from "@/words";

import classes from "./StudiesPage.module.css";

function StudyGrid({ onCreate }: { onCreate: (() => void) | null }) {
  const studies = useStudies();
  if (studies.isPending) return <Loading />;
  if (studies.isError) return <LoadError error={studies.error} onRetry={() => void studies.refetch()} />;
  const rows = studies.data.results;
  if (rows.length === 0) {
    return (
      <EmptyState
        icon={IconMicroscope}
        title={words.studies.emptyTitle}
        text={onCreate ? words.studies.emptyAdmin : words.studies.emptyOther}
        action={onCreate && <Button onClick={onCreate}>{words.studies.create}</Button>}
      />
    );
  }
  return (
    <div className={classes.grid}>
      {rows.map((study) => (
        <StudyCard key={study.id} study={study} />
      ))}
    </div>
  );
}

export function StudiesPage() {
  const isSiteAdmin = useMe().data?.is_site_admin ?? false;
  const [isOpen, { open, close }] = useDisclosure();
  return (
    <div className={classes.root}>
      <PageHeader title={words.studies.title} lead={words.studies.lead}>
        {isSiteAdmin && (
          <Button leftSection={<IconFolderPlus size={17} stroke={1.8} />} onClick={open}>
            {words.studies.create}
          </Button>
        )}
      </PageHeader>
      <StudyGrid onCreate={isSiteAdmin ? open : null} />
      {isSiteAdmin && <NewStudy isOpen={isOpen} onClose={close} />}
    </div>
  );
}
