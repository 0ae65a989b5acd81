/** The classes with their keys, shapes and counts; the chosen one is what a double-click sets. */

import { Kbd, UnstyledButton } from "@mantine/core";

import type { LabelClass } from "@/api/types";
import { colourOf } from "@/viewer/markStyle";
import { ShapeIcon } from "@/viewer/ShapeIcon";
import { labelWords as words } from "@/words/viewer";

import classes from "./label.module.css";

interface ClassPaletteProps {
  readonly items: readonly LabelClass[];
  readonly counts: ReadonlyMap<number, number>;
  readonly chosenId: number | null;
  readonly canLabel: boolean;
  readonly isColourBlindSet: boolean;
  readonly onChoose: (classId: number) => void;
}

export function ClassPalette({
  items,
  counts,
  chosenId,
  canLabel,
  isColourBlindSet,
  onChoose,
}: ClassPaletteProps) {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return (
    <div className={classes.palette} role="group" aria-label={words.classes}>
      {items.map((item) => (
        <UnstyledButton
          key={item.id}
          className={classes.class}
          aria-pressed={canLabel && item.id === chosenId}
          disabled={!canLabel}
          onClick={() => onChoose(item.id)}
        >
          {canLabel && <Kbd size="sm">{item.key}</Kbd>}
          <ShapeIcon colour={colourOf(item, isColourBlindSet)} shape={item.shape} />
          <span className={classes.className}>{item.name}</span>
          <span className={classes.count}>{(counts.get(item.id) ?? 0).toLocaleString("en")}</span>
        </UnstyledButton>
      ))}
      <div className={classes.total}>
        <span>{words.total}</span>
        <span className={classes.count}>{total.toLocaleString("en")}</span>
      </div>
    </div>
  );
}
