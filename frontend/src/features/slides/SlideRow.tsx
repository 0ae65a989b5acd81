/** One slide of the list: what it looks like, where it stands, what was counted on it, and what one does with it. */

import { ActionIcon, Button, Checkbox, Text, Title } from "@mantine/core";
import { IconDots, IconPhotoOff, IconPointer, IconTarget } from "@tabler/icons-react";
import { useState, type FocusEvent, type KeyboardEvent } from "react";
import { Link } from "react-router";

import { thumbnailUrl } from "@/api/slides";
import type { DetectionRun, Slide } from "@/api/types";
import { paths } from "@/app/paths";
import { ProgressLine } from "@/features/common/ProgressLine";
import { StateBadge } from "@/features/common/StateBadge";
import { formatBytes, formatCount, formatDate, formatNumber } from "@/format";
import { words } from "@/words";

import { CountLine } from "./CountLine";
import { InPlace } from "./InPlace";
import classes from "./SlideRow.module.css";
import { TakeAway } from "./TakeAway";

const text = words.slides;

function Thumbnail({ slide }: { slide: Slide }) {
  const [isMissing, setMissing] = useState(false);
  if (isMissing) {
    return (
      <div className={classes.missing}>
        <IconPhotoOff size={20} stroke={1.5} aria-hidden="true" />
        {text.thumbnailMissing}
      </div>
    );
  }
  return (
    <img
      src={thumbnailUrl(slide.id)}
      alt={text.thumbnailOf(slide.code)}
      loading="lazy"
      className={classes.image}
      onError={() => setMissing(true)}
    />
  );
}

function Window({ slide }: { slide: Slide }) {
  if (slide.state !== "ready") return <div className={classes.window} data-state={slide.state} />;
  return (
    <Link to={paths.label(slide.study, slide.id)} className={classes.window} tabIndex={-1} aria-hidden="true">
      <Thumbnail slide={slide} />
    </Link>
  );
}

function SizeLine({ slide }: { slide: Slide }) {
  if (!slide.width || !slide.height)
    return <Text className={classes.fine}>{formatBytes(slide.size_bytes)}</Text>;
  return (
    <>
      <Text className={classes.fine}>{text.size(formatCount(slide.width), formatCount(slide.height))}</Text>
      <Text className={classes.fine}>
        {slide.mpp ? (
          text.mpp(formatNumber(slide.mpp, 3))
        ) : (
          <span className={classes.warn} title={text.noMppHelp}>
            {text.noMpp}
          </span>
        )}
      </Text>
    </>
  );
}

function Name({ slide }: { slide: Slide }) {
  const [who, when] = [slide.uploaded_by, formatDate(slide.created_at)];
  return (
    <div className={classes.name}>
      <Title order={2} className={classes.code}>
        {slide.code}
      </Title>
      <SizeLine slide={slide} />
      <Text className={classes.fine} title={text.uploadedBy(who, when)}>
        {text.uploadedShort(who, when)}
      </Text>
    </div>
  );
}

/** What to say of a slide that cannot be opened yet, or never. */
function Arrival({ slide, canChange }: { slide: Slide; canChange: boolean }) {
  if (slide.state !== "failed")
    return (
      <div className={classes.arrival}>
        <ProgressLine
          {...slide.progress}
          message={slide.progress.message || text.states[slide.state]}
          label={text.states[slide.state]}
        />
      </div>
    );
  return (
    <div className={classes.arrival}>
      <div className={classes.failure} role="alert">
        <StateBadge state={slide.state} name={text.states[slide.state]} />
        <p>
          {slide.error?.message ?? words.errors.unknown}{" "}
          <span className={classes.help}>{text.failedHelp}</span>
        </p>
      </div>
      {canChange && <TakeAway slide={slide} />}
    </div>
  );
}

function Findings({ slide, run }: { slide: Slide; run: DetectionRun | undefined }) {
  const { label_count: labels } = slide;
  return (
    <div className={classes.findings}>
      <CountLine run={run} />
      <Text className={classes.fine}>
        {labels > 0 ? text.labels(formatCount(labels), labels === 1) : text.noLabels}
      </Text>
    </div>
  );
}

interface DoorProps {
  to: string;
  name: string;
  code: string;
  icon: typeof IconPointer;
}

function Door({ to, name, code, icon: Glyph }: DoorProps) {
  return (
    <Button
      component={Link}
      to={to}
      size="xs"
      variant="default"
      className={classes.door}
      aria-label={`${name} ${code}`}
      title={name}
    >
      <Glyph size={16} stroke={1.8} aria-hidden="true" />
      <span className={classes.doorName}>{name}</span>
    </Button>
  );
}

interface Props {
  slide: Slide;
  run: DetectionRun | undefined;
  canChange: boolean;
  isSelected: boolean;
  /** The one row that the Tab key reaches. */
  isActive: boolean;
  position: { at: number; of: number };
  onSelect: (isRange: boolean) => void;
  onDetails: (slide: Slide) => void;
  onFocus: (event: FocusEvent<HTMLElement>) => void;
  onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
}

export function SlideRow(props: Props) {
  const { slide, run, canChange, isSelected, isActive, position, onSelect, onDetails } = props;
  const { code, study, id } = slide;
  const isReady = slide.state === "ready";
  const details = `${text.details}: ${code}`;
  return (
    // A feed's articles take the focus, so that the keys can go from one to the next.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <article
      className={classes.root}
      aria-label={text.detailsTitle(code)}
      aria-posinset={position.at}
      aria-setsize={position.of}
      data-selected={isSelected || undefined}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={isActive ? 0 : -1}
      onFocus={props.onFocus}
      onKeyDown={props.onKeyDown}
    >
      <Checkbox
        className={classes.check}
        aria-label={text.select(code)}
        checked={isSelected}
        onChange={(event) => onSelect((event.nativeEvent as MouseEvent).shiftKey)}
      />
      <Window slide={slide} />
      <Name slide={slide} />
      {isReady ? (
        <>
          <div className={classes.fields}>
            <InPlace slide={slide} field="case_code" canChange={canChange} />
            <InPlace slide={slide} field="stain" canChange={canChange} />
          </div>
          <InPlace slide={slide} field="note" canChange={canChange} />
          <Findings slide={slide} run={run} />
        </>
      ) : (
        <Arrival slide={slide} canChange={canChange} />
      )}
      <div className={classes.actions}>
        {isReady && (
          <>
            <Door to={paths.label(study, id)} name={text.label} code={code} icon={IconPointer} />
            <Door to={paths.detect(study, id)} name={text.detect} code={code} icon={IconTarget} />
          </>
        )}
        <ActionIcon aria-label={details} title={text.details} onClick={() => onDetails(slide)}>
          <IconDots size={18} />
        </ActionIcon>
      </div>
    </article>
  );
}
