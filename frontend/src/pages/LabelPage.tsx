/** Label: a pathologist names cells on a slide; everybody else of the study looks on. */

import { useCallback, useMemo, useState } from "react";

import { useRunPoints, useSlideDetections } from "@/api/detections";
import { LabelPanel } from "@/features/label/LabelPanel";
import { LabelStage, type Goal } from "@/features/label/LabelStage";
import type { Mark } from "@/features/label/marks";
import { useLabelling, type Labelling } from "@/features/label/useLabelling";
import { useProposing, type Proposing } from "@/features/label/useProposing";
import type { Proposal } from "@/api/types";
import { imagePoint, middleOf, type ImagePoint } from "@/viewer/coordinates";
import type { ShownRun } from "@/viewer/DetectionLayer";
import { LABEL_KEYS, LOOK_KEYS, MOVE_KEYS } from "@/viewer/KeysHelp";
import { colourOf } from "@/viewer/markStyle";
import { countAtLeast } from "@/viewer/points";
import { useViewerSettings } from "@/viewer/settings";
import { ViewerPage, type ReadySlidePage } from "@/viewer/ViewerPage";
import { labelWords as words } from "@/words/viewer";

const KEYS = [MOVE_KEYS, LABEL_KEYS, LOOK_KEYS];

interface LatestRun {
  readonly run: ShownRun | null;
  readonly line: string | null;
}

/** The points of the latest run that ended with a result. */
function useLatestRun({ study, slide }: ReadySlidePage): LatestRun {
  const { isColourBlindSet, showDetections } = useViewerSettings();
  const runs = useSlideDetections(study.id, slide.id).data ?? [];
  const latest = runs.find(({ state }) => state === "done" || state === "incomplete") ?? null;
  const points = useRunPoints(showDetections ? (latest?.id ?? null) : null).data;
  const counted = study.classes.find((item) => item.counted) ?? study.classes[0];
  const run = useMemo(() => {
    if (!latest || !points || !counted) return null;
    return { points, threshold: latest.threshold, colour: colourOf(counted, isColourBlindSet) };
  }, [latest, points, counted, isColourBlindSet]);
  if (!latest) return { run: null, line: null };
  const count = points ? countAtLeast(points, latest.threshold) : latest.count;
  return { run, line: words.detectionsOf(latest.number, count?.toLocaleString("en") ?? "…") };
}

const placeOf = ({ x_l0: x, y_l0: y }: Proposal): ImagePoint => imagePoint(x, y);

/** While a proposal is chosen, the keys of the classes judge it, and a click elsewhere leaves it. */
function withProposal(
  labelling: Labelling,
  { chosen, choose }: Proposing,
  judge: (classId: number | null) => void,
): Labelling {
  if (!chosen) return labelling;
  return {
    ...labelling,
    chooseClass: judge,
    withdraw: () => judge(null),
    select: (mark) => {
      choose(null);
      labelling.select(mark);
    },
  };
}

function LabelSlide({ page, isPanelOpen }: { readonly page: ReadySlidePage; readonly isPanelOpen: boolean }) {
  const own = useLabelling(page);
  const proposing = useProposing(page);
  const { run, line } = useLatestRun(page);
  const [goal, setGoal] = useState<Goal | null>(null);
  const onGoalReached = useCallback(() => setGoal(null), []);
  const { chosen } = proposing;
  const judge = (classId: number | null): void => {
    const next = proposing.judge(classId);
    if (next) setGoal({ at: middleOf(placeOf(next)) });
  };
  const labelling = withProposal(own, proposing, judge);
  const goTo = (mark: Mark): void => {
    labelling.select(mark);
    setGoal(mark);
  };
  const goToProposal = (proposal: Proposal): void => {
    own.select(null);
    proposing.choose(proposal);
    setGoal({ at: middleOf(placeOf(proposal)) });
  };
  const asked = useMemo(() => chosen && placeOf(chosen), [chosen]);
  return (
    <>
      <LabelStage
        page={page}
        labelling={labelling}
        run={run}
        goal={goal}
        asked={asked}
        isSaveShown={!isPanelOpen && labelling.canLabel}
        onGoalReached={onGoalReached}
      />
      {isPanelOpen && (
        <LabelPanel
          items={page.study.classes}
          labelling={labelling}
          detections={line}
          proposing={proposing}
          onGoTo={goTo}
          onGoToProposal={goToProposal}
          onJudge={judge}
        />
      )}
    </>
  );
}

export function LabelPage() {
  return (
    <ViewerPage mode="label" keys={KEYS}>
      {(page, isPanelOpen) => <LabelSlide key={page.slide.id} page={page} isPanelOpen={isPanelOpen} />}
    </ViewerPage>
  );
}
