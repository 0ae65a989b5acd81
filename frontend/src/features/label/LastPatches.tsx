/** The last labels as pictures, newest first; a click goes there. */

import { Text, UnstyledButton } from "@mantine/core";

import { patchImageUrl } from "@/api/patches";
import type { LabelClass } from "@/api/types";
import { styleLookup } from "@/viewer/markStyle";
import { ShapeIcon } from "@/viewer/ShapeIcon";
import { labelWords as words } from "@/words/viewer";

import classes from "./label.module.css";
import type { Mark } from "./marks";

const SHOWN = 24;

interface LastPatchesProps {
  readonly marks: readonly Mark[];
  readonly items: readonly LabelClass[];
  readonly selectedId: string | null;
  readonly canLabel: boolean;
  readonly isColourBlindSet: boolean;
  readonly onGoTo: (mark: Mark) => void;
}

export function LastPatches({
  marks,
  items,
  selectedId,
  canLabel,
  isColourBlindSet,
  onGoTo,
}: LastPatchesProps) {
  const styleOf = styleLookup(items, isColourBlindSet);
  const nameOf = (classId: number): string => items.find(({ id }) => id === classId)?.name ?? "";
  const last = marks.slice(-SHOWN).reverse();
  if (last.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {canLabel ? words.lastEmpty : words.lastEmptyReadOnly}
      </Text>
    );
  }
  return (
    <div className={classes.strip}>
      {last.map((mark) => {
        const name = nameOf(mark.classId);
        const title = `${name}, ${words.by(mark.reader)} · x ${mark.pixel.x} y ${mark.pixel.y}`;
        return (
          <UnstyledButton
            key={mark.id}
            className={classes.patch}
            data-selected={mark.id === selectedId}
            title={mark.isWaiting ? `${title} · ${words.notSavedYet}` : title}
            onClick={() => onGoTo(mark)}
          >
            {"patchId" in mark.ref ? (
              <img src={patchImageUrl(mark.ref.patchId)} alt={words.patchAlt(name)} loading="lazy" />
            ) : (
              <span className={classes.noPicture}>…</span>
            )}
            <span className={classes.patchClass}>
              <ShapeIcon {...styleOf(mark.classId)} size={13} />
            </span>
          </UnstyledButton>
        );
      })}
    </div>
  );
}
