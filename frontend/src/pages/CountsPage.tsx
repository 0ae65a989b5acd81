/** The counts of all slides in one table, and the start of many at once. */

import { Alert, Box, Button, Text } from "@mantine/core";
import { IconAlertTriangle, IconDownload, IconPhotoScan, IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import { Link, useLocation } from "react-router";

import { countsCsvUrl, useCounts, useStartCounts } from "@/api/counts";
import type { Id, StartedCounts } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { useRights, useStudyId } from "@/app/useStudyPage";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { PageHeader } from "@/features/common/PageHeader";
import { Pager } from "@/features/common/Pager";
import { Panel } from "@/features/common/Panel";
import { CountsTable } from "@/features/counts/CountsTable";
import { paramsOf, USUAL_CHOICE } from "@/features/detect/choice";
import { CountOptions } from "@/features/detect/CountOptions";
import { formatCount } from "@/format";
import { words } from "@/words";

const text = words.counts;
const PAGE_SIZE = 100;
const NOBODY: ReadonlySet<Id> = new Set();

/** The slides that were chosen in the list of slides, which leads here. */
function useBrought(): ReadonlySet<Id> {
  const brought: unknown = useLocation().state;
  const chosen: unknown =
    brought && typeof brought === "object" && "chosen" in brought ? brought.chosen : null;
  return Array.isArray(chosen) ? new Set(chosen.filter((id): id is Id => typeof id === "number")) : NOBODY;
}

function Refused({ refused, onClose }: { refused: StartedCounts["refused"]; onClose: () => void }) {
  const title = text.refusedTitle(formatCount(refused.length), refused.length === 1);
  return (
    <Alert color="clay" mb="md" icon={<IconAlertTriangle />} title={title} withCloseButton onClose={onClose}>
      {refused.map(({ slide, slide_code: code, message }) => (
        <div key={slide}>{text.refused(code, message)}</div>
      ))}
    </Alert>
  );
}

function NoSlides({ study }: { study: Id }) {
  return (
    <EmptyState
      icon={IconPhotoScan}
      title={text.emptyTitle}
      text={text.emptyText}
      action={
        <Button component={Link} to={paths.slides(study)}>
          {text.toSlides}
        </Button>
      }
    />
  );
}

interface CountsProps {
  study: Id;
  selected: ReadonlySet<Id> | null;
  onSelect: (selected: ReadonlySet<Id>) => void;
}

function Counts({ study, selected, onSelect }: CountsProps) {
  const [page, setPage] = useState(1);
  const counts = useCounts(study, page, PAGE_SIZE);
  if (counts.isPending) return <Loading />;
  if (counts.isError) return <LoadError error={counts.error} onRetry={() => void counts.refetch()} />;
  const { results, count } = counts.data;
  if (count === 0) return <NoSlides study={study} />;
  return (
    <>
      <Panel label={text.title} isFlush>
        <CountsTable study={study} rows={results} selected={selected} onSelect={onSelect} />
      </Panel>
      <Pager page={page} pageSize={PAGE_SIZE} count={count} onPage={setPage} />
    </>
  );
}

export function CountsPage() {
  const study = useStudyId();
  const { canDetect } = useRights(study);
  const [selected, setSelected] = useState(useBrought());
  const [choice, setChoice] = useState(USUAL_CHOICE);
  const start = useStartCounts(study);
  const begin = (): void => {
    const wish = { slides: [...selected], params: paramsOf(choice) };
    start.mutate(wish, {
      onSuccess: ({ runs }) => {
        setSelected(NOBODY);
        setChoice(USUAL_CHOICE);
        if (runs.length > 0) notifyDone(text.started(formatCount(runs.length), runs.length === 1));
      },
    });
  };
  const refused = start.data?.refused ?? [];
  return (
    <>
      <PageHeader title={text.title} lead={text.lead}>
        {selected.size > 0 && (
          <Text size="sm" c="dimmed" role="status">
            {text.selected(formatCount(selected.size))}
          </Text>
        )}
        <Button
          component="a"
          href={countsCsvUrl(study)}
          download
          variant="default"
          leftSection={<IconDownload size={17} stroke={1.8} />}
        >
          {text.csv}
        </Button>
        {canDetect && (
          <Button
            leftSection={<IconPlayerPlay size={17} stroke={1.8} />}
            disabled={selected.size === 0}
            loading={start.isPending}
            onClick={begin}
          >
            {text.start}
          </Button>
        )}
      </PageHeader>
      {refused.length > 0 && <Refused refused={refused} onClose={start.reset} />}
      {canDetect && selected.size > 0 && (
        <Box mb="md">
          <Panel label={words.options.title}>
            <CountOptions choice={choice} onChange={setChoice} />
          </Panel>
        </Box>
      )}
      <Counts study={study} selected={canDetect ? selected : null} onSelect={setSelected} />
    </>
  );
}
