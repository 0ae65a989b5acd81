/** The slides under each other, thousands if need be: only those in sight are drawn, and only those are asked for. */

import { Alert, Button, Skeleton, VisuallyHidden } from "@mantine/core";
import { useWindowVirtualizer, defaultRangeExtractor, type Range } from "@tanstack/react-virtual";
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { useNavigate } from "react-router";

import { useLatestCounts } from "@/api/counts";
import { CHUNK, useSlideChunks, type SlideFilter } from "@/api/slides";
import type { Id, Slide } from "@/api/types";
import { paths } from "@/app/paths";
import { words } from "@/words";

import { useKeptPlace } from "./place";
import type { Selection } from "./selection";
import { SlideDetails } from "./SlideDetails";
import classes from "./SlideList.module.css";
import { SlideRow } from "./SlideRow";

const text = words.slides;
const ROW_PX = 96;
const UNSEEN_ROWS = 5;
/** The page's header and the bar of the list lie over the top of the window. */
const COVERED_PX = 56 + 50;

interface Props {
  study: Id;
  filter: SlideFilter;
  count: number;
  canChange: boolean;
  selection: Selection;
}

/** Where the list begins on the page; what stands above it may grow and shrink. */
function useTop(list: React.RefObject<HTMLDivElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => {
      if (list.current) setTop(Math.round(list.current.getBoundingClientRect().top + window.scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [list]);
  return top;
}

/** The row in use is drawn wherever the list is scrolled to, so that what is written in it is never lost. */
function useRows(count: number, active: number) {
  const list = useRef<HTMLDivElement>(null);
  const top = useTop(list);
  const rows = useWindowVirtualizer({
    count,
    estimateSize: () => ROW_PX,
    overscan: UNSEEN_ROWS,
    scrollMargin: top,
    scrollPaddingStart: COVERED_PX,
    rangeExtractor: (range: Range) =>
      [...new Set([...defaultRangeExtractor(range), Math.min(active, count - 1)])].sort((a, b) => a - b),
  });
  return { list, top, rows };
}

const MOVES: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at) => at + 6,
  PageUp: (at) => at - 6,
  Home: () => 0,
  End: (_at, last) => last,
};

export function SlideList({ study, filter, count, canChange, selection }: Props) {
  const navigate = useNavigate();
  const help = useId();
  const [active, setActive] = useState(0);
  const isFocusWanted = useRef(false);
  const [opened, setOpened] = useState<Slide | null>(null);
  const { list, top, rows } = useRows(count, active);
  const items = rows.getVirtualItems();
  const pages = [...new Set(items.map(({ index }) => Math.floor(index / CHUNK) + 1))];
  const { first, chunks, failed } = useSlideChunks(study, filter, pages);
  const slideAt = (index: number): Slide | undefined =>
    chunks.get(Math.floor(index / CHUNK) + 1)?.[index % CHUNK];
  const ready = (slides: readonly Slide[] | undefined): Id[] =>
    (slides ?? []).filter(({ state }) => state === "ready").map(({ id }) => id);
  const runs = useLatestCounts(
    study,
    pages.map((page) => ready(chunks.get(page))),
  );
  useKeptPlace(count > 0);
  useEffect(() => {
    if (!isFocusWanted.current) return;
    isFocusWanted.current = false;
    list.current
      ?.querySelector<HTMLElement>(`[data-index="${active}"] article`)
      ?.focus({ preventScroll: true });
  }, [active, list]);

  const go = (to: number): void => {
    const next = Math.max(0, Math.min(count - 1, to));
    isFocusWanted.current = next !== active;
    setActive(next);
    rows.scrollToIndex(next);
  };
  const onKey = (event: KeyboardEvent<HTMLElement>, slide: Slide, index: number): void => {
    // Keys in a field or on a button of the row are theirs.
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      if (event.shiftKey) selectOnTheWay(slide, index, move(index, count - 1));
      go(move(index, count - 1));
    } else if (event.key === " ") selection.toggle(slide, index);
    else if (event.key === "Enter" && slide.state === "ready") void navigate(paths.label(study, slide.id));
    else return;
    event.preventDefault();
  };
  const selectOnTheWay = (slide: Slide, index: number, to: number): void => {
    const next = slideAt(to);
    if (!selection.chosen.has(slide.id)) selection.toggle(slide, index);
    if (next && !selection.chosen.has(next.id)) selection.toggle(next, to);
  };

  const inDetails = [...chunks.values()].flat().find((slide) => slide?.id === opened?.id) ?? opened;
  return (
    <>
      {failed && (
        <Alert color="red" className={classes.failed}>
          {text.chunkFailed}{" "}
          <Button size="compact-xs" variant="default" onClick={() => void failed.refetch()}>
            {words.common.retry}
          </Button>
        </Alert>
      )}
      <VisuallyHidden id={help}>{text.listHelp}</VisuallyHidden>
      <div
        ref={list}
        role="feed"
        aria-label={text.list}
        aria-describedby={help}
        aria-busy={first.isPlaceholderData}
        className={classes.root}
        style={{ height: rows.getTotalSize() }}
      >
        {items.map(({ index, start }) => {
          const slide = slideAt(index);
          return (
            <div
              key={slide?.id ?? `row ${index}`}
              data-index={index}
              className={classes.row}
              style={{ transform: `translateY(${start - top}px)` }}
            >
              {slide ? (
                <SlideRow
                  slide={slide}
                  run={runs.get(slide.id)}
                  canChange={canChange}
                  isSelected={selection.chosen.has(slide.id)}
                  isActive={index === active}
                  position={{ at: index + 1, of: count }}
                  onSelect={(isRange) =>
                    isRange ? selection.chooseTo(slide, index) : selection.toggle(slide, index)
                  }
                  onDetails={setOpened}
                  onFocus={() => setActive(index)}
                  onKeyDown={(event) => onKey(event, slide, index)}
                />
              ) : (
                <div className={classes.waiting} aria-hidden="true">
                  <Skeleton width={96} height={72} />
                  <Skeleton height={14} width="40%" />
                </div>
              )}
            </div>
          );
        })}
      </div>
      <SlideDetails slide={inDetails} canChange={canChange} onClose={() => setOpened(null)} />
    </>
  );
}
