/** Two slides of a study side by side; they pan, zoom and turn together until one is moved alone. */

import { ActionIcon, Button, Loader, Select, Text, Tooltip } from "@mantine/core";
import { IconArrowLeft, IconArrowsExchange, IconColumns2, IconLink, IconLinkOff } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";

import { useReadySlides, useSlide } from "@/api/slides";
import type { Id, Slide, SlideName } from "@/api/types";
import { paths } from "@/app/paths";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { COMPARE_KEYS, KeysHelp, MOVE_KEYS } from "@/viewer/KeysHelp";
import { useKeys } from "@/viewer/keys";
import { changeSettings, useViewerSettings } from "@/viewer/settings";
import type { SlideView } from "@/viewer/slideView";
import { useInStep, type InStep, type Side } from "@/viewer/useInStep";
import classes from "@/viewer/viewer.module.css";
import { ViewerStage } from "@/viewer/ViewerStage";
import { compareWords as words } from "@/words/viewer";

const KEYS = [MOVE_KEYS, COMPARE_KEYS];
const OTHER: Record<Side, Side> = { left: "right", right: "left" };

interface Chosen {
  readonly left: Id | null;
  readonly right: Id | null;
  readonly choose: (left: Id | null, right: Id | null) => void;
}

/** The two slides as the address names them; another choice begins at a new view. */
function useChosen(): Chosen {
  const [search, setSearch] = useSearchParams();
  const read = (side: Side): Id | null => Number(search.get(side)) || null;
  const choose = (left: Id | null, right: Id | null): void => {
    const sides = { left, right };
    const named = Object.entries(sides).flatMap(([side, id]) => (id ? [[side, String(id)]] : []));
    setSearch(new URLSearchParams(named), { replace: true });
  };
  return { left: read("left"), right: read("right"), choose };
}

interface SlideChoiceProps {
  readonly side: Side;
  readonly slides: readonly SlideName[];
  readonly value: Id | null;
  readonly onChoose: (id: Id) => void;
}

function SlideChoice({ side, slides, value, onChoose }: SlideChoiceProps) {
  const data = slides.map(({ id, code, case_code: caseCode }) => ({
    value: String(id),
    label: caseCode ? `${code} · ${caseCode}` : code,
  }));
  return (
    <Select
      size="xs"
      aria-label={words[side]}
      placeholder={words.choose}
      searchable
      data={data}
      value={value && String(value)}
      onChange={(id) => id && onChoose(Number(id))}
      className={classes.slideChoice}
    />
  );
}

interface StageProps {
  readonly slide: Slide;
  readonly side: Side;
  readonly step: InStep;
  readonly onOpened: (side: Side, slideView: SlideView | null) => void;
}

function Opened({
  side,
  slideView,
  onOpened,
}: Omit<StageProps, "slide" | "step"> & { slideView: SlideView }) {
  useEffect(() => {
    onOpened(side, slideView);
    return () => onOpened(side, null);
  }, [side, slideView, onOpened]);
  return null;
}

function Stage({ slide, side, step, onOpened }: StageProps) {
  const { width, height } = slide;
  const lead = (): void => step.lead(side);
  if (!width || !height) return null;
  return (
    <div
      className={classes.half}
      data-leads={step.side === side}
      data-testid={side}
      onPointerEnter={lead}
      onPointerDownCapture={lead}
      onFocusCapture={lead}
    >
      <ViewerStage
        slide={slide}
        size={{ width, height }}
        pair={{ name: words[side], hasKeys: step.side === side }}
      >
        {({ slideView }) => <Opened side={side} slideView={slideView} onOpened={onOpened} />}
      </ViewerStage>
    </div>
  );
}

function LockButton() {
  const { isInStep } = useViewerSettings();
  const toggle = (): void => changeSettings({ isInStep: !isInStep });
  useKeys({ l: toggle });
  return (
    <Tooltip label={`${isInStep ? words.unlock : words.lock} (L). ${words.lockHint}`} multiline w={260}>
      <Button
        size="compact-sm"
        variant={isInStep ? "light" : "default"}
        leftSection={isInStep ? <IconLink size={15} /> : <IconLinkOff size={15} />}
        aria-pressed={isInStep}
        onClick={toggle}
      >
        {isInStep ? words.inStep : words.apart}
      </Button>
    </Tooltip>
  );
}

function Both({ left, right }: { readonly left: Slide; readonly right: Slide }) {
  const { isInStep } = useViewerSettings();
  const [views, setViews] = useState<Record<Side, SlideView | null>>({ left: null, right: null });
  const pair = useMemo(
    () => (views.left && views.right ? { left: views.left, right: views.right } : null),
    [views.left, views.right],
  );
  const step = useInStep(pair, [left.mpp, right.mpp], isInStep);
  const [onOpened] = useState(() => (side: Side, slideView: SlideView | null) => {
    setViews((before) => ({ ...before, [side]: slideView }));
  });
  useKeys({ o: () => step.lead(OTHER[step.side]) });
  return (
    <div className={classes.halves}>
      <Stage slide={left} side="left" step={step} onOpened={onOpened} />
      <Stage slide={right} side="right" step={step} onOpened={onOpened} />
    </div>
  );
}

function Slides({ left, right }: { readonly left: Id; readonly right: Id }) {
  const [one, other] = [useSlide(left), useSlide(right)];
  const error = one.error ?? other.error;
  if (error) {
    const retry = (): void => {
      void one.refetch();
      void other.refetch();
    };
    return <LoadError error={error} onRetry={retry} fullPage />;
  }
  if (!one.data || !other.data) {
    return (
      <div className={classes.centred} aria-busy="true">
        <Loader />
      </div>
    );
  }
  return <Both key={`${left} ${right}`} left={one.data} right={other.data} />;
}

function ScaleNote({ left, right }: { readonly left: Id; readonly right: Id }) {
  const [one, other] = [useSlide(left).data, useSlide(right).data];
  if (!one || !other) return null;
  const isByScale = one.mpp && other.mpp;
  return (
    <Text size="xs" c="dimmed" className={classes.scaleNote}>
      {isByScale ? words.byScale : words.byPixels}
    </Text>
  );
}

export function ComparePage() {
  const study = Number(useParams().studyId);
  const { left, right, choose } = useChosen();
  const [isKeysOpen, setKeysOpen] = useState(false);
  const { data: slides = [], error, refetch } = useReadySlides(study);
  useKeys({ "?": () => setKeysOpen(true) });
  if (error) return <LoadError error={error} onRetry={() => void refetch()} fullPage />;
  return (
    <div className={classes.page}>
      <div className={classes.topBar}>
        <Tooltip label={words.close}>
          <ActionIcon
            size="lg"
            component={Link}
            to={left ? paths.label(study, left) : paths.slides(study)}
            aria-label={words.close}
          >
            <IconArrowLeft size={18} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <h1 className={classes.code}>{words.title}</h1>
        <SlideChoice side="left" slides={slides} value={left} onChoose={(id) => choose(id, right)} />
        <Tooltip label={words.swap}>
          <ActionIcon size="lg" aria-label={words.swap} onClick={() => choose(right, left)}>
            <IconArrowsExchange size={18} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <SlideChoice side="right" slides={slides} value={right} onChoose={(id) => choose(left, id)} />
        <span className={classes.spacer} />
        {left && right && <ScaleNote left={left} right={right} />}
        <LockButton />
      </div>
      {left && right ? (
        <Slides left={left} right={right} />
      ) : (
        <EmptyState icon={IconColumns2} title={words.chooseTitle} text={words.chooseText} fullPage />
      )}
      <KeysHelp isOpen={isKeysOpen} onClose={() => setKeysOpen(false)} groups={KEYS} />
    </div>
  );
}
