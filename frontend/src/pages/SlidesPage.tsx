/** The slides of a study: find them, describe them, add to them, open them. */

import { Button } from "@mantine/core";
import { IconPhotoScan, IconZoomCancel } from "@tabler/icons-react";
import { useEffect } from "react";
import { useLocation } from "react-router";

import { CHUNK, useSlideFacets, useSlides } from "@/api/slides";
import { useStudy } from "@/api/studies";
import type { Id } from "@/api/types";
import { rememberView } from "@/app/lastView";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { DropArea } from "@/features/slides/DropArea";
import { Suggestions } from "@/features/slides/InPlace";
import { ListBar } from "@/features/slides/ListBar";
import { useSelection } from "@/features/slides/selection";
import { SlideFilters } from "@/features/slides/SlideFilters";
import { SlideList } from "@/features/slides/SlideList";
import { useStains } from "@/features/slides/stains";
import { UnfinishedPanel } from "@/features/slides/UnfinishedPanel";
import { UploadButton } from "@/features/slides/UploadButton";
import { UploadPanel } from "@/features/slides/UploadPanel";
import { sendFiles } from "@/features/slides/useUploads";
import { filterOf, isFiltered, useView, type ViewControl } from "@/features/slides/view";
import { words } from "@/words";

const text = words.slides;

interface SlidesProps {
  study: Id;
  control: ViewControl;
  canUpload: boolean;
}

function Slides({ study, control, canUpload }: SlidesProps) {
  const filter = filterOf(control.view);
  const slides = useSlides(study, { ...filter, page: 1, page_size: CHUNK });
  const selection = useSelection(study, filter);
  const cases = useSlideFacets(study).data?.cases ?? [];
  const stains = useStains(study);
  if (slides.isPending) return <Loading />;
  if (slides.isError) return <LoadError error={slides.error} onRetry={() => void slides.refetch()} />;
  const { count } = slides.data;
  if (count === 0) return <NoSlides study={study} control={control} canUpload={canUpload} />;
  return (
    <>
      <ListBar study={study} count={count} control={control} selection={selection} />
      <SlideList study={study} filter={filter} count={count} canChange={canUpload} selection={selection} />
      {canUpload && <Suggestions cases={cases} stains={stains} />}
    </>
  );
}

function NoSlides({ study, control, canUpload }: SlidesProps) {
  if (isFiltered(control.view)) {
    return (
      <EmptyState
        icon={IconZoomCancel}
        title={text.noneMatch}
        text={text.noneMatchHelp}
        action={
          <Button variant="default" onClick={control.clear}>
            {text.clearFilter}
          </Button>
        }
      />
    );
  }
  return (
    <EmptyState
      icon={IconPhotoScan}
      title={text.emptyTitle}
      text={canUpload ? text.emptyCan : text.emptyCannot}
      action={canUpload && <UploadButton study={study} />}
    />
  );
}

export function SlidesPage() {
  const study = useStudyId();
  const { canUpload } = useRights(study);
  const isEmpty = useStudy(study).data?.slide_count === 0;
  const control = useView();
  const { search } = useLocation();
  useEffect(() => rememberView(study, search), [study, search]);
  return (
    <DropArea isOn={canUpload} onFiles={(files, areFromFolder) => sendFiles(study, files, areFromFolder)}>
      <PageHeader title={text.title} lead={text.lead}>
        {canUpload && !isEmpty && <UploadButton study={study} />}
      </PageHeader>
      <UploadPanel study={study} />
      {canUpload && <UnfinishedPanel study={study} />}
      {!isEmpty && <SlideFilters study={study} {...control} />}
      <Slides study={study} control={control} canUpload={canUpload} />
    </DropArea>
  );
}
