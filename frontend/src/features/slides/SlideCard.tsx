/** One slide: what it looks like, where it stands, what was counted on it, and the two things one does with it. */

import { ActionIcon, Button, Text, Title } from "@mantine/core";
import { IconDots, IconPhotoOff, IconPointer, IconTarget } from "@tabler/icons-react";
import { useState } from "react";
import { Link } from "react-router";

import { thumbnailUrl } from "@/api/slides";
import type { DetectionRun, Slide } from "@/api/types";
import { paths } from "@/app/paths";
import { ProgressLine } from "@/features/common/ProgressLine";
import { StateBadge } from "@/features/common/StateBadge";
import { formatBytes, formatCount, formatDate, formatNumber } from "@/format";
import { words } from "@/words";

import { CountLine } from "./CountLine";
import classes from "./SlideCard.module.css";
import { TakeAway } from "./TakeAway";

const text = words.slides;

function Thumbnail({ slide }: { slide: Slide }) {
  const [isMissing, setMissing] = useState(false);
  if (isMissing) {
    return (
      <div className={classes.missing}>
        <IconPhotoOff size={22} stroke={1.5} aria-hidden="true" />
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
  if (slide.state === "ready") {
    return (
      <Link
        to={paths.label(slide.study, slide.id)}
        className={classes.window}
        tabIndex={-1}
        aria-hidden="true"
      >
        <Thumbnail slide={slide} />
      </Link>
    );
  }
  return (
    <div className={classes.window} data-state={slide.state}>
      {slide.state === "failed" ? (
        <div className={classes.failure} role="alert">
          <StateBadge state={slide.state} name={text.states[slide.state]} />
          <p>{slide.error?.message ?? words.errors.unknown}</p>
          <p className={classes.help}>{text.failedHelp}</p>
        </div>
      ) : (
        <ProgressLine
          {...slide.progress}
          message={slide.progress.message || text.states[slide.state]}
          label={text.states[slide.state]}
        />
      )}
    </div>
  );
}

function SizeLine({ slide }: { slide: Slide }) {
  if (!slide.width || !slide.height)
    return <Text className={classes.fine}>{formatBytes(slide.size_bytes)}</Text>;
  return (
    <Text className={classes.fine}>
      {text.size(formatCount(slide.width), formatCount(slide.height))}
      {" · "}
      {slide.mpp ? (
        text.mpp(formatNumber(slide.mpp, 3))
      ) : (
        <span className={classes.warn} title={text.noMppHelp}>
          {text.noMpp}
        </span>
      )}
    </Text>
  );
}

/** What to say of a slide that cannot be opened yet, or never. */
function Arrival({ slide, canChange }: { slide: Slide; canChange: boolean }) {
  return (
    <>
      <Text className={classes.fine}>{text.uploadedBy(slide.uploaded_by, formatDate(slide.created_at))}</Text>
      {slide.state === "failed" && canChange && (
        <div className={classes.actions}>
          <TakeAway slide={slide} />
        </div>
      )}
    </>
  );
}

interface Props {
  slide: Slide;
  run: DetectionRun | undefined;
  canChange: boolean;
  onDetails: (slide: Slide) => void;
}

export function SlideCard({ slide, run, canChange, onDetails }: Props) {
  const isReady = slide.state === "ready";
  const name = `${text.details}: ${slide.code}`;
  return (
    <article className={classes.root} aria-label={text.detailsTitle(slide.code)}>
      <Window slide={slide} />
      <div className={classes.body}>
        <div className={classes.head}>
          <Title order={2} className={classes.code}>
            {slide.code}
          </Title>
          <Text className={classes.case} title={slide.case_code || undefined}>
            {slide.case_code || text.noCase}
          </Text>
          <ActionIcon aria-label={name} title={text.details} onClick={() => onDetails(slide)}>
            <IconDots size={18} />
          </ActionIcon>
        </div>
        <SizeLine slide={slide} />
        {!isReady && <Arrival slide={slide} canChange={canChange} />}
        {isReady && (
          <>
            <Text className={classes.fine}>
              {slide.label_count > 0
                ? text.labels(formatCount(slide.label_count), slide.label_count === 1)
                : text.noLabels}
            </Text>
            <CountLine run={run} />
            <div className={classes.actions}>
              <Button
                component={Link}
                to={paths.label(slide.study, slide.id)}
                variant="default"
                leftSection={<IconPointer size={16} stroke={1.8} />}
                aria-label={`${text.label} ${slide.code}`}
              >
                {text.label}
              </Button>
              <Button
                component={Link}
                to={paths.detect(slide.study, slide.id)}
                variant="default"
                leftSection={<IconTarget size={16} stroke={1.8} />}
                aria-label={`${text.detect} ${slide.code}`}
              >
                {text.detect}
              </Button>
            </div>
          </>
        )}
      </div>
    </article>
  );
}
