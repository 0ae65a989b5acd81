/** One run: its progress while it runs, its numbers when it is done, in words when it is neither. */

import { Alert, Anchor, Button, Progress, SegmentedControl, Text } from "@mantine/core";
import { IconAlertTriangle, IconBan, IconDownload } from "@tabler/icons-react";
import { Link } from "react-router";

import { exportUrl } from "@/api/detections";
import type { DetectionRun, Slide } from "@/api/types";
import { paths } from "@/app/paths";
import type { PointsMode } from "@/viewer/drawPoints";
import { moment, percent, three, threshold as thresholdText, timeLeft, whole } from "@/viewer/format";
import { countAtLeast, type Points } from "@/viewer/points";
import { scaleText } from "@/viewer/ScaleNow";
import viewer from "@/viewer/viewer.module.css";
import { detectWords as words } from "@/words/viewer";

import { usedBy } from "./choice";
import classes from "./detect.module.css";
import { hasResult, numbersAt, type RunNumbers } from "./result";
import { ThresholdDial } from "./ThresholdDial";
import type { Threshold } from "./useThreshold";

export interface RunCardProps {
  readonly run: DetectionRun;
  readonly slide: Slide;
  readonly points: Points | null;
  readonly pointsError: Error | null;
  readonly dial: Threshold;
  readonly colour: string;
  readonly canDetect: boolean;
  readonly mode: PointsMode;
  readonly isCancelling: boolean;
  readonly onMode: (mode: PointsMode) => void;
  readonly onCancel: () => void;
}

function Running({ run, points, dial, canDetect, isCancelling, onCancel }: RunCardProps) {
  const { done, total, message, eta_s } = run.progress;
  const share = total > 0 ? (100 * done) / total : 0;
  return (
    <>
      <div className={classes.dialHead}>
        <Text size="sm" fw={600}>
          {message || (run.state === "queued" ? words.queued : words.running)}
        </Text>
        <Text size="sm" fw={600}>
          {Math.floor(share)} %
        </Text>
      </div>
      <Progress value={share} animated={run.state === "running"} aria-label={words.running} my={8} />
      <div className={classes.dialHead}>
        <Text size="xs" c="dimmed">
          {eta_s === null ? "" : words.left(timeLeft(eta_s))}
        </Text>
        {canDetect && (
          <Button size="compact-sm" variant="default" loading={isCancelling} onClick={onCancel}>
            {words.cancel}
          </Button>
        )}
      </div>
      {points && points.count > 0 && (
        <Text size="xs" c="dimmed" mt={4} data-testid="found">
          {words.foundSoFar(whole(countAtLeast(points, dial.value)))}
        </Text>
      )}
    </>
  );
}

function Area({
  run,
  numbers,
  slide,
  canDetect,
}: Pick<RunCardProps, "run" | "slide" | "canDetect"> & { numbers: RunNumbers }) {
  const how = run.regions ? words.inRegions(run.regions.length) : words.wholeSlide;
  if (numbers.areaMm2 !== null) {
    return (
      <div className={classes.facts}>
        <div>
          <div className={classes.factName}>{words.density}</div>
          <div className={classes.fact} data-testid="density">
            {numbers.densityPerMm2 === null ? "–" : three(numbers.densityPerMm2)}{" "}
            <small>{words.perMm2}</small>
          </div>
        </div>
        <div>
          <div className={classes.factName}>
            {words.area}, {how}
          </div>
          <div className={classes.fact} data-testid="area">
            {three(numbers.areaMm2)} <small>{words.mm2}</small>
          </div>
        </div>
      </div>
    );
  }
  return (
    <div className={classes.noScale}>
      <Text size="xs">
        {words.noScale} {canDetect ? "" : words.askScale}
      </Text>
      {canDetect && (
        <Button
          size="compact-xs"
          variant="default"
          component={Link}
          to={paths.setScale(slide.study, slide.id, run.id)}
        >
          {words.setScale}
        </Button>
      )}
    </div>
  );
}

function Details({ run }: { readonly run: DetectionRun }) {
  const names = words.detailNames;
  const rows: (readonly [string, string])[] = [
    [names.found, run.point_count === null ? "–" : whole(run.point_count)],
    [names.slide, run.slide_sha256],
    [names.model, run.model_sha256],
    [names.code, run.code_version],
    ...usedBy(run),
    [
      names.params,
      Object.entries(run.params)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(", "),
    ],
    [names.started, run.started_at ? moment(run.started_at) : "–"],
    [names.finished, run.finished_at ? moment(run.finished_at) : "–"],
  ];
  return (
    <details className={classes.details}>
      <summary>{words.details}</summary>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Incomplete({ run }: { readonly run: DetectionRun }) {
  return (
    <Alert color="clay" variant="light" p="xs" mb="sm" icon={<IconAlertTriangle size={16} />}>
      {words.incomplete(percent(run.unread_fraction))}{" "}
      {run.blocks_failed > 0 && words.incompleteBlocks(run.blocks_failed)} {run.error?.message}{" "}
      {words.incompleteHatched}
    </Alert>
  );
}

function ScaleChanged({ run, slide }: Pick<RunCardProps, "run" | "slide">) {
  if (!run.scale_changed || run.mpp === null) return null;
  const now = slide.mpp === null ? null : scaleText(slide.mpp);
  return (
    <Alert color="clay" variant="light" p="xs" mb="sm" icon={<IconAlertTriangle size={16} />}>
      {words.scaleChanged(scaleText(run.mpp), now)}
    </Alert>
  );
}

function Downloads({ run }: { readonly run: DetectionRun }) {
  return (
    <div className={classes.downloads}>
      <IconDownload size={15} aria-hidden="true" />
      <span className={classes.soft}>{words.download}</span>
      <Anchor href={exportUrl(run.id, "csv")} download size="sm">
        {words.csv}
      </Anchor>
      <Anchor href={exportUrl(run.id, "geojson")} download size="sm">
        {words.geojson}
      </Anchor>
    </div>
  );
}

function Result(props: RunCardProps) {
  const { run, slide, points, pointsError, dial, colour, mode, onMode } = props;
  const numbers = numbersAt(run, points, dial.value, slide.mpp);
  return (
    <>
      {run.state === "incomplete" && <Incomplete run={run} />}
      <div className={classes.number}>
        <span className={classes.count} data-testid="count">
          {numbers.count === null ? "…" : whole(numbers.count)}
        </span>
        <span className={classes.unit}>
          {words.cells} <span className={classes.soft}>{words.atThreshold(thresholdText(dial.value))}</span>
        </span>
      </div>
      <Area {...props} numbers={numbers} />
      <ScaleChanged run={run} slide={slide} />
      {pointsError ? (
        <Alert color="red" variant="light" p="xs">
          {words.pointsFailed} {pointsError.message}
        </Alert>
      ) : (
        <ThresholdDial
          dial={dial}
          saved={run.threshold}
          model={run.model.threshold}
          points={points}
          colour={colour}
        />
      )}
      <div className={classes.modes}>
        <span className={classes.soft}>{words.showAs}</span>
        <SegmentedControl
          size="xs"
          value={mode}
          onChange={(chosen) => onMode(chosen as PointsMode)}
          data={(["auto", "points", "density"] as const).map((value) => ({
            value,
            label: words.modes[value],
          }))}
        />
      </div>
      <Text size="xs" c="dimmed" mt="sm">
        {words.provenance(
          run.model.number,
          thresholdText(run.threshold),
          run.created_by,
          moment(run.finished_at ?? run.created_at),
        )}
      </Text>
      <Downloads run={run} />
      <Details run={run} />
    </>
  );
}

function Ended({ run }: { readonly run: DetectionRun }) {
  if (run.state === "cancelled") {
    return (
      <Text size="sm" c="dimmed">
        <IconBan size={14} aria-hidden="true" /> {words.cancelled}
      </Text>
    );
  }
  return (
    <Alert color="red" variant="light" title={words.failed} icon={<IconAlertTriangle size={18} />} p="sm">
      {run.error?.message} {words.failedNext}
    </Alert>
  );
}

export function RunCard(props: RunCardProps) {
  const { run } = props;
  const isRunning = run.state === "queued" || run.state === "running";
  return (
    <section
      className={viewer.section}
      aria-label={words.run(run.number)}
      data-testid="run"
      data-state={run.state}
    >
      <h2 className={viewer.heading}>{words.run(run.number)}</h2>
      {isRunning && <Running {...props} />}
      {hasResult(run) && <Result {...props} />}
      {!isRunning && !hasResult(run) && <Ended run={run} />}
    </section>
  );
}
