/** Above the list, always in sight: how many slides there are, their order, and what to do with those chosen. */

import { ActionIcon, Button, Checkbox, Loader, Select, Text } from "@mantine/core";
import { IconPlayerPlay, IconTrash, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { useStudy } from "@/api/studies";
import type { Id } from "@/api/types";
import { paths } from "@/app/paths";
import { useRights } from "@/app/useStudyPage";
import { formatCount } from "@/format";
import { words } from "@/words";

import { BulkDialog, SETTABLE, type BulkKind } from "./BulkDialog";
import classes from "./ListBar.module.css";
import type { Selection } from "./selection";
import { isFiltered, USUAL_SORT, type ViewControl } from "./view";

const text = words.slides;
const ORDERS = Object.entries(text.orders).map(([value, label]) => ({ value, label }));

function Sort({ view, change }: ViewControl) {
  return (
    <Select
      aria-label={text.sort}
      data={ORDERS}
      value={view.sort || USUAL_SORT}
      onChange={(sort) => change({ sort: sort === USUAL_SORT ? "" : (sort ?? "") })}
      allowDeselect={false}
      maxDropdownHeight={420}
      size="xs"
      className={classes.sort}
    />
  );
}

interface ActionsProps {
  study: Id;
  selection: Selection;
  onAsk: (kind: BulkKind) => void;
}

function Actions({ study, selection, onAsk }: ActionsProps) {
  const navigate = useNavigate();
  const { canUpload: canChange, canDetect } = useRights(study);
  const count = (): void => {
    const ready = [...selection.chosen.values()].filter(({ state }) => state === "ready");
    void navigate(paths.counts(study), { state: { chosen: ready.map(({ id }) => id) } });
  };
  return (
    <div className={classes.actions} role="group" aria-label={text.bulk.actions}>
      {canChange &&
        SETTABLE.map((field) => (
          <Button key={field} size="xs" variant="default" onClick={() => onAsk(field)}>
            {text.bulk.set[field]}
          </Button>
        ))}
      {canDetect && (
        <Button size="xs" variant="default" leftSection={<IconPlayerPlay size={14} />} onClick={count}>
          {text.bulk.count}
        </Button>
      )}
      {canChange && (
        <Button
          size="xs"
          variant="light"
          color="red"
          leftSection={<IconTrash size={14} />}
          onClick={() => onAsk("remove")}
        >
          {text.bulk.remove}
        </Button>
      )}
    </div>
  );
}

interface Props {
  study: Id;
  count: number;
  control: ViewControl;
  selection: Selection;
}

function Hits({ study, count, control }: Omit<Props, "selection">) {
  const total = useStudy(study).data?.slide_count ?? count;
  const said = isFiltered(control.view)
    ? text.hitsOf(formatCount(count), formatCount(total), count === 1)
    : text.hits(formatCount(count), count === 1);
  return (
    <Text className={classes.hits} role="status">
      {said}
    </Text>
  );
}

export function ListBar({ study, count, control, selection }: Props) {
  const [asked, setAsked] = useState<BulkKind | null>(null);
  const { chosen, isAsking, chooseAll, drop } = selection;
  const isSome = chosen.size > 0;
  const all = isSome && chosen.size >= count;
  return (
    <div className={classes.root}>
      <Checkbox
        aria-label={text.selectAll}
        title={text.selectAll}
        checked={all}
        indeterminate={isSome && !all}
        disabled={isAsking}
        onChange={() => (all ? drop() : chooseAll())}
      />
      {isAsking && <Loader size="xs" />}
      {isSome ? (
        <>
          <Text className={classes.chosen} role="status">
            {text.selected(formatCount(chosen.size))}
          </Text>
          <ActionIcon
            size="sm"
            aria-label={text.clearSelection}
            title={text.clearSelection}
            onClick={() => drop()}
          >
            <IconX size={15} />
          </ActionIcon>
          <Actions study={study} selection={selection} onAsk={setAsked} />
        </>
      ) : (
        <Hits study={study} count={count} control={control} />
      )}
      <Sort {...control} />
      {asked && (
        <BulkDialog study={study} kind={asked} selection={selection} onClose={() => setAsked(null)} />
      )}
    </div>
  );
}
