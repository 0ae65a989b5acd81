/** Links under each other in a side panel; the open one is marked. */

import type { ReactNode } from "react";
import { NavLink } from "react-router";

import classes from "./RowList.module.css";

export function RowList({ children }: { children: ReactNode }) {
  return <ul className={classes.root}>{children}</ul>;
}

interface RowProps {
  to: string;
  isOpen: boolean;
  title: string;
  badge?: ReactNode;
  /** Small, one line each. */
  lines: readonly string[];
}

export function Row({ to, isOpen, title, badge, lines }: RowProps) {
  return (
    <li>
      <NavLink to={to} className={classes.row} aria-current={isOpen ? "page" : undefined}>
        <span className={classes.head}>
          <strong>{title}</strong>
          {badge}
        </span>
        {lines.map((line, at) => (
          <span key={at} className={classes.fine}>
            {line}
          </span>
        ))}
      </NavLink>
    </li>
  );
}
