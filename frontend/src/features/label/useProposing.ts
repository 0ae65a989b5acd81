/** Finds that are probably no cells: one is chosen, judged by its class, and the next one is there. */

import { useState } from "react";

import { useMine, useProposals } from "@/api/proposals";
import { newClientKey } from "@/api/polling";
import type { Proposal } from "@/api/types";
import { notifyDone } from "@/app/notify";
import type { ReadySlidePage } from "@/viewer/ViewerPage";
import { proposalWords as words } from "@/words/viewer";

import { useLabelQueue } from "./queue/useLabelQueue";

/** How many may wait on a slide: a sitting, not a burden. */
const WANTED = 24;

export interface Proposing {
  readonly rows: readonly Proposal[];
  readonly chosen: Proposal | null;
  readonly isMining: boolean;
  readonly canJudge: boolean;
  readonly choose: (proposal: Proposal | null) => void;
  /** Says what the chosen one is; null puts it aside. The next one is chosen, and given back. */
  readonly judge: (classId: number | null) => Proposal | null;
  readonly mine: () => void;
}

export function useProposing({ study, slide, me, has }: ReadySlidePage): Proposing {
  const canJudge = has("pathologist") && study.classes.length > 0;
  const listed = useProposals(study.id, slide.id, canJudge).data ?? [];
  const mining = useMine(study.id, slide.id);
  const { queue } = useLabelQueue();
  const [judged, setJudged] = useState<ReadonlySet<number>>(new Set());
  const [chosenId, setChosenId] = useState<number | null>(null);
  const rows = listed.filter(({ patch_id: id }) => !judged.has(id));
  const chosen = rows.find(({ patch_id: id }) => id === chosenId) ?? null;

  const judge = (classId: number | null): Proposal | null => {
    if (!chosen || !canJudge) return null;
    const { patch_id: patchId, x_l0: x, y_l0: y } = chosen;
    void queue.add({
      kind: "change",
      clientKey: newClientKey(),
      userId: me.id,
      slideId: slide.id,
      x,
      y,
      at: new Date().toISOString(),
      target: { patchId },
      classId,
    });
    setJudged(new Set([...judged, patchId]));
    const at = rows.indexOf(chosen);
    const next = rows[at + 1] ?? rows[at - 1] ?? null;
    setChosenId(next?.patch_id ?? null);
    return next;
  };

  return {
    rows,
    chosen,
    isMining: mining.isPending,
    canJudge,
    choose: (proposal) => setChosenId(proposal?.patch_id ?? null),
    judge,
    mine: () =>
      mining.mutate(WANTED, {
        onSuccess: ({ made }) => notifyDone(made > 0 ? words.found(made) : words.foundNone),
      }),
  };
}
