/** The labelled crops of a study: what the models learn from. */

import { Button, Collapse } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconLayoutGrid, IconZoomCancel } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";

import { usePatches, usePatchSummary } from "@/api/patches";
import { useStudy } from "@/api/studies";
import type { Id, PatchSummary, Study } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Pager } from "@/features/common/Pager";
import { Panel } from "@/features/common/Panel";
import { ImportHint } from "@/features/patches/ImportHint";
import { PatchFilters, type PatchChoice } from "@/features/patches/PatchFilters";
import { PatchTile } from "@/features/patches/PatchTile";
import { words } from "@/words";

import classes from "./PatchesPage.module.css";

const text = words.patches;
const PAGE_SIZE = 120;
const EVERYTHING: PatchChoice = { kind: null, source: null, slide: null, newestFirst: true };

function Gallery({ study, choice, page, onPage }: GalleryProps) {
  const patches = usePatches(study.id, {
    class_id: choice.kind,
    source: choice.source,
    slide: choice.slide,
    ordering: choice.newestFirst ? "-created_at" : "created_at",
    page,
    page_size: PAGE_SIZE,
  });
  if (patches.isPending) return <Loading />;
  if (patches.isError) return <LoadError error={patches.error} onRetry={() => void patches.refetch()} />;
  const { results, count } = patches.data;
  if (count === 0)
    return <EmptyState icon={IconZoomCancel} title={text.noneMatch} text={text.noneMatchHelp} />;
  const kindOf = (id: Id | null) => study.classes.find((kind) => kind.id === id);
  return (
    <>
      <div className={classes.grid} aria-busy={patches.isPlaceholderData}>
        {results.map((patch) => (
          <PatchTile key={patch.id} study={study.id} patch={patch} kind={kindOf(patch.class_id)} />
        ))}
      </div>
      <Pager page={page} pageSize={PAGE_SIZE} count={count} onPage={onPage} />
    </>
  );
}

interface GalleryProps {
  study: Study;
  choice: PatchChoice;
  page: number;
  onPage: (page: number) => void;
}

function NoPatches({ study, canImport }: { study: Study; canImport: boolean }) {
  return (
    <EmptyState
      icon={IconLayoutGrid}
      title={text.emptyTitle}
      text={text.emptyLabel}
      action={
        <div className={classes.begin}>
          <Button component={Link} to={paths.slides(study.id)}>
            {words.training.toSlides}
          </Button>
          {canImport && <ImportHint study={study.name} />}
        </div>
      }
    />
  );
}

function Patches({ study, summary }: { study: Study; summary: PatchSummary }) {
  const [choice, setChoice] = useState(EVERYTHING);
  const [page, setPage] = useState(1);
  const change = (part: Partial<PatchChoice>) => {
    setChoice({ ...choice, ...part });
    setPage(1);
  };
  return (
    <>
      <PatchFilters choice={choice} kinds={study.classes} summary={summary} onChange={change} />
      <Gallery study={study} choice={choice} page={page} onPage={setPage} />
    </>
  );
}

export function PatchesPage() {
  const id = useStudyId();
  const study = useStudy(id).data;
  const { isAdmin } = useRights(id);
  const summary = usePatchSummary(id);
  const [isHintOpen, { toggle }] = useDisclosure();
  if (!study || summary.isPending) return <Loading />;
  if (summary.isError) return <LoadError error={summary.error} onRetry={() => void summary.refetch()} />;
  const isEmpty = summary.data.total === 0;
  return (
    <>
      <PageHeader title={text.title} lead={text.lead}>
        {isAdmin && !isEmpty && (
          <Button variant="default" onClick={toggle} aria-expanded={isHintOpen}>
            {text.importHint}
          </Button>
        )}
      </PageHeader>
      {isEmpty ? (
        <NoPatches study={study} canImport={isAdmin} />
      ) : (
        <>
          <Collapse expanded={isHintOpen}>
            <div className={classes.hint}>
              <Panel label={text.importHint}>
                <ImportHint study={study.name} />
              </Panel>
            </div>
          </Collapse>
          <Patches study={study} summary={summary.data} />
        </>
      )}
    </>
  );
}
