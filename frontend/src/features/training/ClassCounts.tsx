/** How many labelled patches there are of each class: what a training has to work with. */

import { Progress } from "@mantine/core";

import type { LabelClass, PatchSummary } from "@/api/types";
import { ClassDot } from "@/features/common/ClassDot";
import { formatCount } from "@/format";

import classes from "./ClassCounts.module.css";
import { countOf } from "./labels";

interface Props {
  kinds: readonly LabelClass[];
  summary: PatchSummary;
}

export function ClassCounts({ kinds, summary }: Props) {
  const most = Math.max(1, ...kinds.map((kind) => countOf(summary, kind.id)));
  return (
    <ul className={classes.root}>
      {kinds.map((kind) => {
        const count = countOf(summary, kind.id);
        return (
          <li key={kind.id}>
            <span className={classes.name}>
              <ClassDot of={kind} />
              {kind.name}
            </span>
            <strong>{formatCount(count)}</strong>
            <Progress value={(100 * count) / most} color={kind.colour} size={5} aria-hidden="true" />
          </li>
        );
      })}
    </ul>
  );
}
