/** All versions of the study, newest first, above them what is being frozen; one is open beside the list. */

import type { DatasetFreeze, DatasetVersion, Id } from "@/api/types";
import { paths } from "@/app/paths";
import { Row, RowList } from "@/features/common/RowList";
import { StateBadge } from "@/features/common/StateBadge";
import { formatCount, formatDate } from "@/format";
import { words } from "@/words";

const text = words.datasets;

export interface Open {
  readonly freeze: Id | null;
  readonly version: Id | null;
}

interface Props {
  freezes: readonly DatasetFreeze[];
  versions: readonly DatasetVersion[];
  open: Open;
}

export function VersionList({ freezes, versions, open }: Props) {
  return (
    <RowList>
      {freezes.map((freeze) => (
        <Row
          key={`freeze ${freeze.id}`}
          to={paths.freeze(freeze.study, freeze.id)}
          isOpen={freeze.id === open.freeze}
          title={freeze.name || text.unnamed}
          badge={<StateBadge state={freeze.state} name={text.freezeStates[freeze.state]} />}
          lines={[freeze.error?.message ?? freeze.progress.message]}
        />
      ))}
      {versions.map((version) => (
        <Row
          key={version.id}
          to={paths.dataset(version.study, version.id)}
          isOpen={version.id === open.version}
          title={version.name}
          lines={[
            `${text.patches(formatCount(version.total))} · ${text.splits[version.split].name}`,
            `${formatDate(version.created_at)} · ${version.created_by}`,
          ]}
        />
      ))}
    </RowList>
  );
}
