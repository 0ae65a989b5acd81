/** A slide a line: its newest count, and whether it is to be counted now. */

import { Anchor, Checkbox, Table } from "@mantine/core";
import { Link } from "react-router";

import { isRunning } from "@/api/polling";
import type { DetectionRun, Id, SlideCount } from "@/api/types";
import { paths } from "@/app/paths";
import { StateBadge } from "@/features/common/StateBadge";
import {
  formatCount,
  formatDensity,
  formatMoment,
  formatNumber,
  formatShare,
  formatThreshold,
} from "@/format";
import { words } from "@/words";

import classes from "./CountsTable.module.css";

const text = words.counts;
const { none } = words.common;

type Selected = ReadonlySet<Id>;

interface Props {
  study: Id;
  rows: readonly SlideCount[];
  /** Null for those who only look on. */
  selected: Selected | null;
  onSelect: (selected: Selected) => void;
}

function marked(selected: Selected, slides: readonly Id[], isOn: boolean): Selected {
  const next = new Set(selected);
  slides.forEach((slide) => (isOn ? next.add(slide) : next.delete(slide)));
  return next;
}

/** What a state leaves open: how far it is, why it failed, what is missing. */
function note(run: DetectionRun): string | null {
  const { done, total } = run.progress;
  if (isRunning(run.state)) return total > 0 ? text.progress(formatShare(done / total)) : null;
  if (run.state === "incomplete") return text.unread(formatShare(run.unread_fraction));
  return run.error?.message ?? null;
}

function StateCell({ run }: { run: DetectionRun | null }) {
  if (!run) return <span className={classes.fine}>{text.notCounted}</span>;
  const more = note(run);
  return (
    <>
      <StateBadge state={run.state} name={text.states[run.state]} />
      {more && <div className={classes.why}>{more}</div>}
    </>
  );
}

type Format = (value: number) => string;

const told = (value: number | null | undefined, format: Format): string =>
  value === null || value === undefined ? none : format(value);

const where = ({ regions }: DetectionRun): string =>
  regions === null ? text.whole : text.regions(regions.length);

const isScaleMissing = (run: DetectionRun): boolean => Boolean(run.area_px) && run.area_mm2 === null;

function Density({ run }: { run: DetectionRun | null }) {
  if (!run || !isScaleMissing(run)) return told(run?.density_per_mm2, formatDensity);
  return (
    <Anchor component={Link} to={paths.setScale(run.study, run.slide, run.id)} size="sm">
      {text.noScale}
    </Anchor>
  );
}

function Numbers({ run }: { run: DetectionRun | null }) {
  const title = run && isScaleMissing(run) ? text.noArea : undefined;
  return (
    <>
      <Table.Td className={classes.number}>{told(run?.count, formatCount)}</Table.Td>
      <Table.Td className={classes.number} title={title}>
        <Density run={run} />
        {run?.scale_changed && (
          <div className={classes.fine} title={text.scaleChangedLong}>
            {text.scaleChanged}
          </div>
        )}
      </Table.Td>
      <Table.Td className={classes.number} title={title}>
        {told(run?.area_mm2, (area) => formatNumber(area, 3))}
        {run && <div className={classes.fine}>{where(run)}</div>}
      </Table.Td>
      <Table.Td className={classes.number}>
        {told(run?.model.number, formatCount)}
        {run && (
          <div className={classes.fine}>
            {text.threshold} <span>{formatThreshold(run.threshold)}</span>
          </div>
        )}
      </Table.Td>
    </>
  );
}

/** Day and hour may stand under each other, but neither is broken. */
function Moment({ iso }: { iso: string }) {
  const [day = "", hour = ""] = formatMoment(iso).split(/, (?=[^,]*$)/);
  return (
    <>
      <span className={classes.whole}>{day},</span> <span className={classes.whole}>{hour}</span>
    </>
  );
}

function Row({ study, row, selected, onSelect }: Omit<Props, "rows"> & { row: SlideCount }) {
  const { slide, slide_code: code, case_code: caseCode, run } = row;
  const to = run ? paths.detectRun(study, slide, run.id) : paths.detect(study, slide);
  return (
    <Table.Tr>
      {selected && (
        <Table.Td>
          <Checkbox
            aria-label={text.select(code)}
            checked={selected.has(slide)}
            onChange={(event) => onSelect(marked(selected, [slide], event.currentTarget.checked))}
          />
        </Table.Td>
      )}
      <Table.Td>
        <Anchor component={Link} to={to} className={classes.code} aria-label={text.open(code)}>
          {code}
        </Anchor>
        {caseCode && <div className={`${classes.fine} ${classes.case}`}>{caseCode}</div>}
      </Table.Td>
      <Table.Td>
        <StateCell run={run} />
      </Table.Td>
      <Numbers run={run} />
      <Table.Td className={classes.fine}>
        {run?.finished_at ? <Moment iso={run.finished_at} /> : none}
        {run && <div>{text.by(run.created_by)}</div>}
      </Table.Td>
    </Table.Tr>
  );
}

const NUMBERS = new Set(["count", "density", "area", "model"]);

export function CountsTable({ study, rows, selected, onSelect }: Props) {
  const slides = rows.map(({ slide }) => slide);
  const chosen = selected ? slides.filter((slide) => selected.has(slide)).length : 0;
  return (
    <div className={classes.scroll}>
      <Table aria-label={text.title} verticalSpacing="xs" horizontalSpacing="sm" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            {selected && (
              <Table.Th>
                <Checkbox
                  aria-label={text.selectAll}
                  checked={chosen > 0 && chosen === slides.length}
                  indeterminate={chosen > 0 && chosen < slides.length}
                  onChange={(event) => onSelect(marked(selected, slides, event.currentTarget.checked))}
                />
              </Table.Th>
            )}
            {Object.entries(text.column).map(([column, name]) => (
              <Table.Th key={column} className={NUMBERS.has(column) ? classes.number : undefined}>
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Row key={row.slide} study={study} row={row} selected={selected} onSelect={onSelect} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
