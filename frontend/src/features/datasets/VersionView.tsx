/** One frozen version: how it came about, what lies on which side, and some of it to look at. */

import { Button, Title } from "@mantine/core";
import { Link } from "react-router";

import { useDataset } from "@/api/datasets";
import type { DatasetDetail, DatasetVersion, Id, Study } from "@/api/types";
import { paths } from "@/app/paths";
import { ClassDot } from "@/features/common/ClassDot";
import { Facts } from "@/features/common/Facts";
import { LoadError } from "@/features/common/LoadError";
import { Loading } from "@/features/common/Loading";
import { Panel } from "@/features/common/Panel";
import { formatCount, shortHash } from "@/format";
import { words } from "@/words";

import { Compare } from "./Compare";
import { factsOf } from "./facts";
import { Samples } from "./Samples";
import { SideTable, type SideRow } from "./SideTable";
import classes from "./VersionView.module.css";

const text = words.datasets;

const classRows = (version: DatasetDetail, study: Study): SideRow[] =>
  version.classes.map((row) => {
    const kind = study.classes.find(({ id }) => id === row.class_id);
    const name = (
      <span>
        {kind && <ClassDot of={kind} />}
        {row.name}
      </span>
    );
    return { key: row.class_id, name, counts: row };
  });

const slideRows = (version: DatasetDetail): SideRow[] =>
  version.per_slide.map((row) => ({
    key: row.slide_id ?? 0,
    name: [row.code ?? text.noSlide, row.case_code].filter(Boolean).join(" · "),
    counts: row,
  }));

const readerRows = (version: DatasetDetail): SideRow[] =>
  version.readers.map((row) => ({ key: row.id, name: row.name, counts: row, extra: row.outvoted }));

function Head({ version, isAdmin }: { version: DatasetDetail; isAdmin: boolean }) {
  return (
    <header className={classes.head}>
      <div>
        <Title order={2}>{version.name}</Title>
        <p className={classes.fine}>
          {text.patches(formatCount(version.total))} ·{" "}
          <code title={version.content_hash}>{shortHash(version.content_hash)}</code>
        </p>
      </div>
      {isAdmin && (
        <Button component={Link} to={paths.trainOn(version.study, version.id)}>
          {text.train}
        </Button>
      )}
    </header>
  );
}

interface Props {
  id: Id;
  study: Study;
  versions: readonly DatasetVersion[];
  isAdmin: boolean;
}

export function VersionView({ id, study, versions, isAdmin }: Props) {
  const query = useDataset(id);
  if (query.isPending) return <Loading />;
  if (query.isError) return <LoadError error={query.error} onRetry={() => void query.refetch()} />;
  const version = query.data;
  return (
    <Panel label={version.name}>
      <div className={classes.stack}>
        <Head version={version} isAdmin={isAdmin} />
        <Facts facts={factsOf(version)} columns={4} />
        <SideTable title={text.byClass} rows={classRows(version, study)} />
        <SideTable title={text.bySlide} rows={slideRows(version)} />
        <SideTable
          title={text.byReader}
          rows={readerRows(version)}
          extra={{ name: text.outvoted, help: text.outvotedHelp }}
          note={text.readerHelp}
        />
        <Samples samples={version.samples} kinds={study.classes} />
        <Compare version={id} others={versions.filter((other) => other.id !== id)} />
      </div>
    </Panel>
  );
}
