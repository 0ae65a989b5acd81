/** Magnification buttons, zoom in and out, fit. */

import { Tooltip, UnstyledButton } from "@mantine/core";
import { IconMinus, IconPlus } from "@tabler/icons-react";

import { viewerWords as words } from "@/words/viewer";

import { nativeMagnification, zoomChoices } from "./scaleBar";
import type { SlideView } from "./slideView";
import { useViewScale } from "./useSlideView";
import classes from "./viewer.module.css";

interface ZoomControlsProps {
  readonly slideView: SlideView;
  readonly mpp: number | null;
  readonly objective: number | null;
}

export function ZoomControls({ slideView, mpp, objective }: ZoomControlsProps) {
  const scale = useViewScale(slideView);
  const native = nativeMagnification(mpp, objective);
  const isAt = (wanted: number): boolean => scale !== null && Math.abs(scale / wanted - 1) < 0.01;
  return (
    <div className={`${classes.float} ${classes.topLeft}`} role="toolbar" aria-label={words.magnification}>
      <Tooltip label={`${words.zoomOut} (−)`}>
        <UnstyledButton
          className={classes.zoomButton}
          onClick={() => slideView.zoomOut()}
          aria-label={words.zoomOut}
        >
          <IconMinus size={14} />
        </UnstyledButton>
      </Tooltip>
      <Tooltip label={`${words.zoomIn} (+)`}>
        <UnstyledButton
          className={classes.zoomButton}
          onClick={() => slideView.zoomIn()}
          aria-label={words.zoomIn}
        >
          <IconPlus size={14} />
        </UnstyledButton>
      </Tooltip>
      <span className={classes.divider} />
      {zoomChoices(native).map((choice) => (
        <UnstyledButton
          key={choice.name}
          className={classes.zoomButton}
          data-active={isAt(choice.scale)}
          onClick={() => slideView.zoomTo(choice.scale)}
        >
          {choice.name}
        </UnstyledButton>
      ))}
      <span className={classes.divider} />
      <Tooltip label={`${words.fitLong} (0)`}>
        <UnstyledButton className={classes.zoomButton} onClick={() => slideView.fit()}>
          {words.fit}
        </UnstyledButton>
      </Tooltip>
    </div>
  );
}
