/** The selected label, over the slide: what it is, who set it, and what can be done with it. */

import { ActionIcon, Button, Kbd, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";

import type { LabelClass } from "@/api/types";
import { styleLookup } from "@/viewer/markStyle";
import { useViewerSettings } from "@/viewer/settings";
import { ShapeIcon } from "@/viewer/ShapeIcon";
import viewer from "@/viewer/viewer.module.css";
import { labelWords as words } from "@/words/viewer";

import classes from "./label.module.css";
import type { Labelling } from "./useLabelling";

interface SelectedCardProps {
  readonly items: readonly LabelClass[];
  readonly labelling: Labelling;
}

export function SelectedCard({ items, labelling }: SelectedCardProps) {
  const { isColourBlindSet } = useViewerSettings();
  const { selected, canLabel } = labelling;
  if (!selected) return null;
  return (
    <section className={`${viewer.card} ${classes.selected}`} aria-label={words.selected}>
      <ShapeIcon {...styleLookup(items, isColourBlindSet)(selected.classId)} size={20} />
      <div>
        <Text size="sm" fw={600}>
          {items.find(({ id }) => id === selected.classId)?.name}
        </Text>
        <Text size="xs" c="dimmed">
          {words.by(selected.reader)}
        </Text>
        <Text size="xs" c="dimmed">
          x {selected.pixel.x} y {selected.pixel.y}
        </Text>
        {canLabel && (
          <Text size="xs" c="dimmed">
            {words.changeHint}
          </Text>
        )}
      </div>
      {canLabel && selected.mine && (
        <Button
          size="compact-sm"
          variant="default"
          onClick={labelling.withdraw}
          rightSection={<Kbd size="xs">Del</Kbd>}
        >
          {words.withdraw}
        </Button>
      )}
      <ActionIcon size="sm" aria-label={words.clear} onClick={() => labelling.select(null)}>
        <IconX size={14} />
      </ActionIcon>
    </section>
  );
}
