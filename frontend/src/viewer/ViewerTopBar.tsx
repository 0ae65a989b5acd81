/** The bar over the slide: which slide, its neighbours, label or count, and the tools of the view. */

import { ActionIcon, SegmentedControl, Text, Tooltip } from "@mantine/core";
import { useFullscreenDocument } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconArrowLeft,
  IconArrowsMaximize,
  IconArrowsMinimize,
  IconChevronLeft,
  IconChevronRight,
  IconColumns2,
  IconKeyboard,
  IconLayoutSidebarRight,
  IconLink,
  type Icon,
} from "@tabler/icons-react";
import { Link, useNavigate } from "react-router";

import { paths } from "@/app/paths";
import type { Slide } from "@/api/types";
import { lookWords, viewerWords as words } from "@/words/viewer";

import { useKeys } from "./keys";
import { useNeighbours, type ViewerMode } from "./useSlidePage";
import classes from "./viewer.module.css";

interface ViewerTopBarProps {
  readonly slide: Slide;
  readonly mode: ViewerMode;
  readonly isPanelOpen: boolean;
  readonly onTogglePanel: () => void;
  readonly onShowKeys: () => void;
}

interface ToolProps {
  readonly icon: Icon;
  readonly name: string;
  readonly shortcut?: string;
  readonly onClick: (() => void) | undefined;
}

function Tool({ icon: ToolIcon, name, shortcut, onClick }: ToolProps) {
  return (
    <Tooltip label={shortcut ? `${name} (${shortcut})` : name}>
      <ActionIcon size="lg" aria-label={name} onClick={onClick} disabled={!onClick}>
        <ToolIcon size={18} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

async function copyLink(): Promise<void> {
  try {
    await navigator.clipboard.writeText(window.location.href);
    notifications.show({ message: words.linkCopied, color: "ink", autoClose: 3000 });
  } catch {
    notifications.show({ message: words.linkNotCopied, color: "clay", autoClose: 6000 });
  }
}

function SlideName({ slide, mode }: Pick<ViewerTopBarProps, "slide" | "mode">) {
  const { goPrevious, goNext, position } = useNeighbours(slide, mode);
  useKeys({ "shift+arrowleft": goPrevious, "shift+arrowright": goNext });
  return (
    <>
      <Tool icon={IconChevronLeft} name={words.previousSlide} shortcut="Shift ←" onClick={goPrevious} />
      <div className={classes.title}>
        <h1 className={classes.code}>{slide.code}</h1>
        {slide.case_code && <span className={classes.case}>{slide.case_code}</span>}
        {position && (
          <Text span size="xs" c="dimmed">
            {position}
          </Text>
        )}
      </div>
      <Tool icon={IconChevronRight} name={words.nextSlide} shortcut="Shift →" onClick={goNext} />
    </>
  );
}

function ModeSwitch({ slide, mode }: Pick<ViewerTopBarProps, "slide" | "mode">) {
  const navigate = useNavigate();
  const open = (chosen: string): void => {
    void navigate(paths[chosen as ViewerMode](slide.study, slide.id) + window.location.hash);
  };
  return (
    <SegmentedControl
      size="xs"
      value={mode}
      onChange={open}
      data={[
        { value: "label", label: words.label },
        { value: "detect", label: words.detect },
      ]}
    />
  );
}

export function ViewerTopBar({ slide, mode, isPanelOpen, onTogglePanel, onShowKeys }: ViewerTopBarProps) {
  const { toggle, fullscreen } = useFullscreenDocument();
  useKeys({ "?": onShowKeys });
  return (
    <div className={classes.topBar}>
      <Tooltip label={words.back}>
        <ActionIcon size="lg" component={Link} to={paths.slides(slide.study)} aria-label={words.back}>
          <IconArrowLeft size={18} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <SlideName slide={slide} mode={mode} />
      <ModeSwitch slide={slide} mode={mode} />
      <span className={classes.spacer} />
      <Tooltip label={lookWords.compare}>
        <ActionIcon
          size="lg"
          component={Link}
          to={paths.compare(slide.study, slide.id)}
          aria-label={lookWords.compare}
        >
          <IconColumns2 size={18} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <Tool icon={IconLink} name={words.copyLink} onClick={() => void copyLink()} />
      <Tool icon={IconKeyboard} name={words.keys} shortcut="?" onClick={onShowKeys} />
      <Tool
        icon={fullscreen ? IconArrowsMinimize : IconArrowsMaximize}
        name={fullscreen ? words.leaveFullScreen : words.fullScreen}
        onClick={() => void toggle()}
      />
      <Tool
        icon={IconLayoutSidebarRight}
        name={isPanelOpen ? words.hidePanel : words.showPanel}
        onClick={onTogglePanel}
      />
    </div>
  );
}
