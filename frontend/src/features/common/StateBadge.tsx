/** A state in one word, with a sign beside the colour. */

import { Badge } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCheck,
  IconClockHour4,
  IconPlayerStop,
  IconProgress,
  IconX,
  type Icon,
} from "@tabler/icons-react";

import type { RunState, SlideState } from "@/api/types";

type AnyState = RunState | SlideState;

const LOOKS: Record<AnyState, { icon: Icon; color: string }> = {
  queued: { icon: IconClockHour4, color: "gray" },
  processing: { icon: IconProgress, color: "ink" },
  running: { icon: IconProgress, color: "ink" },
  ready: { icon: IconCheck, color: "teal" },
  done: { icon: IconCheck, color: "teal" },
  incomplete: { icon: IconAlertTriangle, color: "clay" },
  failed: { icon: IconX, color: "red" },
  cancelled: { icon: IconPlayerStop, color: "gray" },
};

export function StateBadge({ state, name }: { state: AnyState; name: string }) {
  const { icon: Glyph, color } = LOOKS[state];
  return (
    <Badge color={color} leftSection={<Glyph size={12} stroke={2.2} aria-hidden="true" />}>
      {name}
    </Badge>
  );
}
