/** A sheet of paper on the desk: the one container of the interface. */

import { Title } from "@mantine/core";
import type { ReactNode } from "react";

import classes from "./Panel.module.css";

interface Props {
  title?: string;
  aside?: ReactNode;
  children: ReactNode;
  label?: string;
  isFlush?: boolean;
}

export function Panel({ title, aside, children, label, isFlush = false }: Props) {
  return (
    <section className={classes.root} data-flush={isFlush || undefined} aria-label={label ?? title}>
      {(title || aside) && (
        <div className={classes.head}>
          {title && <Title order={2}>{title}</Title>}
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}
