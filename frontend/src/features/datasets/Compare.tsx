/** What this version has that another has not, and the other way round. */

import { Select, Text } from "@mantine/core";
import { useState } from "react";

import { useDatasetDiff } from "@/api/datasets";
import type { DatasetDiff, DatasetVersion, Id } from "@/api/types";
import { errorMessage } from "@/app/notify";
import { formatCount } from "@/format";
import { words } from "@/words";

import classes from "./Compare.module.css";

const text = words.datasets;

function inWords(diff: DatasetDiff): string {
  const parts = (["added", "removed", "reclassed", "moved"] as const)
    .filter((kind) => diff[kind] > 0)
    .map((kind) => text[kind](formatCount(diff[kind])));
  return parts.length ? parts.join(" · ") : text.same;
}

export function Compare({ version, others }: { version: Id; others: readonly DatasetVersion[] }) {
  const [other, setOther] = useState<string | null>(null);
  const diff = useDatasetDiff(version, other === null ? null : Number(other));
  if (others.length === 0) return null;
  return (
    <div className={classes.root}>
      <Select
        label={text.compare}
        placeholder={text.comparePlaceholder}
        data={others.map(({ id, name }) => ({ value: String(id), label: name }))}
        value={other}
        onChange={setOther}
        clearable
        searchable
      />
      <Text className={classes.outcome} role="status">
        {diff.data && inWords(diff.data)}
        {diff.isError && errorMessage(diff.error)}
      </Text>
    </div>
  );
}
