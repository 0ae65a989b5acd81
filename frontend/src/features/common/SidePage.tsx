/** A page with a narrow side, where things are begun and listed, and the open one beside it. */

import { Text } from "@mantine/core";
import { IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";

import classes from "./SidePage.module.css";

interface Props {
  side: ReactNode;
  /** A side with much to choose from. */
  isWide?: boolean;
  children: ReactNode;
}

export function SidePage({ side, isWide, children }: Props) {
  return (
    <div className={classes.root} data-wide={isWide || undefined}>
      <div className={classes.side}>{side}</div>
      <div className={classes.main}>{children}</div>
    </div>
  );
}

/** Stands where others begin something. */
export function ReadOnlyNote({ children }: { children: string }) {
  return (
    <Text className={classes.readOnly}>
      <IconLock size={15} stroke={1.7} aria-hidden="true" />
      {children}
    </Text>
  );
}
