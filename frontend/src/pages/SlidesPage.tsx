/** The slides of a study: see them, add to them, open them. */

import { Button, FileButton, Select, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPhotoScan, IconSearch, IconUpload, IconZoomCancel } from "@tabler/icons-react";
import { useState } from "react";

import { useLatestCounts } from "@/api/counts";
import { useSlides } from "@/api/slides";
import { useStudy } from "@/api/studies";
import type { Id, Slide } from "@/api/types";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Pager } from "@/features/common/Pager";
import { ACCEPTED } from "@/features/slides/acceptedFiles";
import { DropArea } from "@/features/slides/DropArea";
import { SlideCard } from "@/features/slides/SlideCard";
import { SlideDetails } from "@/features/slides/SlideDetails";
import { UploadPanel } from "@/features/slides/UploadPanel";
import { sendFiles } from "@/features/slides/useUploads";
import { words } from "@/words";

import classes from "./SlidesPage.module.css";

const text = words.slides;
const PAGE_SIZE = 24;
const STATES = Object.entries(text.states).map(([value, label]) => ({ value, label }));

function UploadButton({ study }: { study: Id }) {
  return (
    <FileButton multiple accept={ACCEPTED.join(",")} onChange={(files) => sendFiles(study, files)}>
      {(props) => (
        <Button leftSection={<IconUpload size={17} stroke={1.8} />} {...props}>
          {text.upload}
        </Button>
      )}
    </FileButton>
  );
}

interface Filter {
  search: string;
  state: string | null;
  page: number;
}

function Filters({ filter, onFilter }: Pick<GridProps, "filter" | "onFilter">) {
  return (
    <>
      <TextInput
        type="search"
        aria-label={text.search}
        placeholder={text.search}
        leftSection={<IconSearch size={16} />}
        value={filter.search}
        onChange={(event) => onFilter({ search: event.currentTarget.value })}
        className={classes.search}
      />
      <Select
        aria-label={text.state}
        placeholder={text.state}
        data={STATES}
        value={filter.state}
        onChange={(state) => onFilter({ state })}
        clearable
        className={classes.state}
      />
    </>
  );
}

interface GridProps {
  study: Id;
  filter: Filter;
  onFilter: (change: Partial<Filter>) => void;
  canUpload: boolean;
}

function SlideGrid({ study, filter, onFilter, canUpload }: GridProps) {
  const slides = useSlides(study, {
    search: filter.search,
    state: filter.state ?? undefined,
    page: filter.page,
    page_size: PAGE_SIZE,
  });
  const counts = useLatestCounts(study);
  const [opened, setOpened] = useState<Slide | null>(null);
  if (slides.isPending) return <Loading />;
  if (slides.isError) return <LoadError error={slides.error} onRetry={() => void slides.refetch()} />;
  const { results, count } = slides.data;
  if (count === 0)
    return <NoSlides study={study} filter={filter} onFilter={onFilter} canUpload={canUpload} />;
  const inDetails = results.find(({ id }) => id === opened?.id) ?? opened;
  return (
    <>
      <div className={classes.grid} aria-busy={slides.isPlaceholderData}>
        {results.map((slide) => (
          <SlideCard
            key={slide.id}
            slide={slide}
            run={counts.data?.get(slide.id)}
            canChange={canUpload}
            onDetails={setOpened}
          />
        ))}
      </div>
      <Pager page={filter.page} pageSize={PAGE_SIZE} count={count} onPage={(page) => onFilter({ page })} />
      <SlideDetails slide={inDetails} canChange={canUpload} onClose={() => setOpened(null)} />
    </>
  );
}

function NoSlides({ study, filter, onFilter, canUpload }: GridProps) {
  if (filter.search || filter.state) {
    return (
      <EmptyState
        icon={IconZoomCancel}
        title={text.noneMatch}
        text={text.noneMatchHelp}
        action={
          <Button variant="default" onClick={() => onFilter({ search: "", state: null })}>
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
  const [filter, setFilter] = useState<Filter>({ search: "", state: null, page: 1 });
  const [search] = useDebouncedValue(filter.search, 250);
  const change = (part: Partial<Filter>) => setFilter({ ...filter, page: 1, ...part });
  return (
    <DropArea isOn={canUpload} onFiles={(files) => sendFiles(study, files)}>
      <PageHeader title={text.title} lead={text.lead}>
        {!isEmpty && <Filters filter={filter} onFilter={change} />}
        {canUpload && !isEmpty && <UploadButton study={study} />}
      </PageHeader>
      <UploadPanel study={study} />
      <SlideGrid study={study} filter={{ ...filter, search }} onFilter={change} canUpload={canUpload} />
    </DropArea>
  );
}
