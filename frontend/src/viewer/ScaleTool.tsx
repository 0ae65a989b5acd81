/** The card that sets the scale, over the slide: a line is drawn under it while it is open. */

import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import { useNavigate, useSearchParams } from "react-router";

import type { Slide } from "@/api/types";
import { scaleWords as words } from "@/words/viewer";

import { lineLength, type Line } from "./calibration";
import { drawLine } from "./drawLine";
import { useKeys } from "./keys";
import { OverlayCanvas, type Draw } from "./OverlayCanvas";
import { clampToImage } from "./regions";
import { ScaleForm, type ScaleWay } from "./ScaleForm";
import type { SlideView } from "./slideView";
import classes from "./viewer.module.css";

const PARAMETER = "scale";

export interface ScaleCard {
  readonly isOpen: boolean;
  /** Left out for those who may not set it. */
  readonly open: (() => void) | undefined;
  readonly close: () => void;
}

/** Whether the card is open stands in the address, so that other pages can lead to it. */
export function useScaleCard(canSetScale: boolean): ScaleCard {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const change = (isOpen: boolean): void => {
    const next = new URLSearchParams(search);
    if (isOpen) next.set(PARAMETER, "set");
    else next.delete(PARAMETER);
    void navigate({ search: next.toString(), hash: window.location.hash }, { replace: true });
  };
  return {
    isOpen: canSetScale && search.get(PARAMETER) === "set",
    open: canSetScale ? () => change(true) : undefined,
    close: () => change(false),
  };
}

/** Lets a line be dragged over the slide; `isOn` false gives the slide back. */
function useLine(slideView: SlideView, isOn: boolean): Line | null {
  const [line, setLine] = useState<Line | null>(null);
  const start = useRef<Line["from"] | null>(null);
  useEffect(() => {
    if (!isOn) return undefined;
    slideView.tool = {
      onPress: ({ at }) => {
        start.current = clampToImage(at, slideView.size);
      },
      onDrag: ({ at, claim }) => {
        claim();
        if (start.current) setLine({ from: start.current, to: clampToImage(at, slideView.size) });
      },
      onDragEnd: ({ claim }) => claim(),
    };
    return () => {
      slideView.tool = null;
    };
  }, [slideView, isOn]);
  return line;
}

/** Takes the focus, and closes on Escape from within its fields too, which keep their keys to themselves. */
function useCard(onClose: () => void): RefObject<HTMLDivElement | null> {
  const card = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  useEffect(() => {
    close.current = onClose;
  });
  useEffect(() => {
    const { current } = card;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape") close.current();
    };
    current?.focus();
    current?.addEventListener("keydown", onKey);
    return () => current?.removeEventListener("keydown", onKey);
  }, []);
  return card;
}

interface ScaleToolProps {
  readonly slideView: SlideView;
  readonly slide: Slide;
  readonly onClose: () => void;
}

export function ScaleTool({ slideView, slide, onClose }: ScaleToolProps) {
  const [way, setWay] = useState<ScaleWay>("length");
  const line = useLine(slideView, way === "length");
  const card = useCard(onClose);
  useKeys({ escape: onClose });
  const draw: Draw = useCallback(
    (context, view) => {
      if (line && way === "length") drawLine(context, view, line);
    },
    [line, way],
  );
  return (
    <>
      <OverlayCanvas slideView={slideView} draw={draw} />
      <div
        ref={card}
        className={`${classes.card} ${classes.scaleCard}`}
        role="dialog"
        aria-label={words.title(slide.code)}
        tabIndex={-1}
      >
        <h2 className={classes.cardTitle}>{words.title(slide.code)}</h2>
        <ScaleForm
          slide={slide}
          linePx={line && lineLength(line)}
          way={way}
          onWay={setWay}
          onDone={onClose}
        />
      </div>
    </>
  );
}
