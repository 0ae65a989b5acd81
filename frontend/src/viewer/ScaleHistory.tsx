/** Who set the scale of a slide, when, from what to what. */

import { Text } from "@mantine/core";

import { useScaleChanges } from "@/api/slides";
import type { Id } from "@/api/types";
import { LoadError } from "@/features/common/LoadError";
import { formatMoment } from "@/format";
import { scaleWords as words } from "@/words/viewer";

import { scaleText } from "./ScaleNow";
import classes from "./viewer.module.css";

export function ScaleHistory({ slide }: { readonly slide: Id }) {
  const { data, error, refetch } = useScaleChanges(slide);
  if (error) return <LoadError error={error} onRetry={() => void refetch()} />;
  return (
    <section aria-label={words.history} aria-busy={!data}>
      <h3 className={classes.heading}>{words.history}</h3>
      {data?.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.noHistory}
        </Text>
      )}
      <ol className={classes.history}>
        {data?.map(({ at, person, before, after, source }) => (
          <li key={at}>
            <span>
              {words.change(scaleText(before), scaleText(after))}
              {source && person ? `, ${words.sources[source]}` : ""}
            </span>
            <small>
              {person ?? words.program}, {formatMoment(at)}
            </small>
          </li>
        ))}
      </ol>
    </section>
  );
}
