/** The frame of the pages with a slide: top bar, slide, side panel, keys; and what to say while there is no slide. */

import { Button, Loader } from "@mantine/core";
import { IconPhotoCog, IconPhotoX } from "@tabler/icons-react";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";

import { paths } from "@/app/paths";
import type { Slide } from "@/api/types";
import { EmptyState } from "@/features/common/EmptyState";
import { LoadError } from "@/features/common/LoadError";
import { viewerWords as words } from "@/words/viewer";

import type { Size } from "./coordinates";
import { KeysHelp, type KeyGroup } from "./KeysHelp";
import { useSlidePage, type SlidePage, type ViewerMode } from "./useSlidePage";
import classes from "./viewer.module.css";
import { ViewerTopBar } from "./ViewerTopBar";

export interface ReadySlidePage extends SlidePage {
  readonly size: Size;
}

interface ViewerPageProps {
  readonly mode: ViewerMode;
  readonly keys: readonly KeyGroup[];
  /** The slide and the side panel beside it. */
  readonly children: (page: ReadySlidePage, isPanelOpen: boolean) => ReactNode;
}

function NotReady({ slide }: { readonly slide: Slide }) {
  const hasFailed = slide.state === "failed";
  const text = hasFailed ? (slide.error?.message ?? "") : slide.progress.message || words.slideNotReadyHint;
  return (
    <EmptyState
      icon={hasFailed ? IconPhotoX : IconPhotoCog}
      title={hasFailed ? words.slideFailed : words.slideNotReady}
      text={text}
      action={
        <Button component={Link} to={paths.slides(slide.study)} variant="default">
          {words.back}
        </Button>
      }
    />
  );
}

const sizeOf = ({ state, width, height }: Slide): Size | null =>
  state === "ready" && width && height ? { width, height } : null;

export function ViewerPage({ mode, keys, children }: ViewerPageProps) {
  const { page, error, retry } = useSlidePage();
  const [isPanelOpen, setPanelOpen] = useState(true);
  const [isKeysOpen, setKeysOpen] = useState(false);
  if (error) return <LoadError error={error} onRetry={retry} fullPage />;
  if (!page) {
    return (
      <div className={classes.centred} aria-busy="true">
        <Loader />
      </div>
    );
  }
  const size = sizeOf(page.slide);
  return (
    <div className={classes.page}>
      <ViewerTopBar
        slide={page.slide}
        mode={mode}
        isPanelOpen={isPanelOpen}
        onTogglePanel={() => setPanelOpen(!isPanelOpen)}
        onShowKeys={() => setKeysOpen(true)}
      />
      <div className={classes.body} data-panel={size && isPanelOpen ? "open" : "closed"}>
        {size ? children({ ...page, size }, isPanelOpen) : <NotReady slide={page.slide} />}
      </div>
      <KeysHelp isOpen={isKeysOpen} onClose={() => setKeysOpen(false)} groups={keys} />
    </div>
  );
}
