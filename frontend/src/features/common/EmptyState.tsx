/** A page or panel with nothing in it yet: says what to do first, and who can. */

import { Text, Title } from "@mantine/core";
import type { Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";

import classes from "./EmptyState.module.css";

interface Props {
  icon: Icon;
  title: string;
  text: string;
  action?: ReactNode;
  fullPage?: boolean;
  compact?: boolean;
  role?: "alert" | "status";
}

export function EmptyState({
  icon: Glyph,
  title,
  text,
  action,
  fullPage = false,
  compact = false,
  role,
}: Props) {
  return (
    <div
      className={classes.root}
      data-full={fullPage || undefined}
      data-compact={compact || undefined}
      role={role}
    >
      <span className={classes.icon} aria-hidden="true">
        <Glyph size={26} stroke={1.6} />
      </span>
      <Title order={2}>{title}</Title>
      <Text className={classes.text}>{text}</Text>
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}
