/** Title of a page, one sentence about it, and what one can do here. */

import { Text, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";

import { words } from "@/words";

import classes from "./PageHeader.module.css";

interface Props {
  title: string;
  lead?: string;
  children?: ReactNode;
}

export function PageHeader({ title, lead, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ${words.common.product}`;
  }, [title]);
  return (
    <div className={classes.root}>
      <div className={classes.words}>
        <Title order={1}>{title}</Title>
        {lead && <Text className={classes.lead}>{lead}</Text>}
      </div>
      {children && <div className={classes.actions}>{children}</div>}
    </div>
  );
}
