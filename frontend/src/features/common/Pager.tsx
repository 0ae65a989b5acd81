/** Which rows are shown, and the way to the others. */

import { Pagination, Text } from "@mantine/core";

import { formatCount } from "@/format";
import { words } from "@/words";

import classes from "./Pager.module.css";

interface Props {
  page: number;
  pageSize: number;
  count: number;
  onPage: (page: number) => void;
}

export function Pager({ page, pageSize, count, onPage }: Props) {
  if (count <= pageSize) return null;
  const from = (page - 1) * pageSize + 1;
  const to = Math.min(count, page * pageSize);
  return (
    <nav className={classes.root} aria-label={words.common.pages}>
      <Text className={classes.range}>
        {words.common.pageOf(formatCount(from), formatCount(to), formatCount(count))}
      </Text>
      <Pagination
        size="sm"
        total={Math.ceil(count / pageSize)}
        value={page}
        onChange={onPage}
        getControlProps={(control) => ({ "aria-label": words.common.pageControls[control] })}
      />
    </nav>
  );
}
