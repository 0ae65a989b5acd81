/** All versions of the study, newest first; one of them is open beside the list. */

import { NavLink } from "react-router";

import type { DatasetVersion, Id } from "@/api/types";
import { paths } from "@/app/paths";
import { formatCount, formatDate } from "@/format";
import { words } from "@/words";

import classes from "./VersionList.module.css";

const text = words.datasets;

export function VersionList({ versions, open }: { versions: readonly DatasetVersion[]; open: Id | null }) {
  return (
    <ul className={classes.root}>
      {versions.map((version) => (
        <li key={version.id}>
          <NavLink
            to={paths.dataset(version.study, version.id)}
            className={classes.row}
            aria-current={version.id === open ? "page" : undefined}
          >
            <strong>{version.name}</strong>
            <span className={classes.fine}>
              {text.patches(formatCount(version.total))} · {text.splits[version.split].name}
            </span>
            <span className={classes.fine}>
              {formatDate(version.created_at)} · {version.created_by}
            </span>
          </NavLink>
        </li>
      ))}
    </ul>
  );
}
