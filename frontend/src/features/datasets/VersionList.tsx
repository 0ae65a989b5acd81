/** All versions of the study, newest first, above them what is being frozen; one is open beside the list. */

import { NavLink } from "react-router";

import type { DatasetFreeze, DatasetVersion, Id } from "@/api/types";
import { paths } from "@/app/paths";
import { StateBadge } from "@/features/common/StateBadge";
import { formatCount, formatDate } from "@/format";
import { words } from "@/words";

import classes from "./VersionList.module.css";

const text = words.datasets;

export interface Open {
  readonly freeze: Id | null;
  readonly version: Id | null;
}

function FreezeRow({ freeze, isOpen }: { freeze: DatasetFreeze; isOpen: boolean }) {
  return (
    <li>
      <NavLink
        to={paths.freeze(freeze.study, freeze.id)}
        className={classes.row}
        aria-current={isOpen ? "page" : undefined}
      >
        <span className={classes.head}>
          <strong>{freeze.name || text.unnamed}</strong>
          <StateBadge state={freeze.state} name={text.freezeStates[freeze.state]} />
        </span>
        <span className={classes.fine}>{freeze.error?.message ?? freeze.progress.message}</span>
      </NavLink>
    </li>
  );
}

interface Props {
  freezes: readonly DatasetFreeze[];
  versions: readonly DatasetVersion[];
  open: Open;
}

export function VersionList({ freezes, versions, open }: Props) {
  return (
    <ul className={classes.root}>
      {freezes.map((freeze) => (
        <FreezeRow key={`freeze ${freeze.id}`} freeze={freeze} isOpen={freeze.id === open.freeze} />
      ))}
      {versions.map((version) => (
        <li key={version.id}>
          <NavLink
            to={paths.dataset(version.study, version.id)}
            className={classes.row}
            aria-current={version.id === open.version ? "page" : undefined}
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
