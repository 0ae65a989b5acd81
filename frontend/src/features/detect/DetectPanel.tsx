/** The side panel of the detect page: the run on show, a new count, all counts of the slide. */

import { Button } from "@mantine/core";
import { IconListSearch, IconSchool } from "@tabler/icons-react";
import { Link } from "react-router";

import { paths } from "@/app/paths";
import type { DetectionRun, Model, Study } from "@/api/types";
import { EmptyState } from "@/features/common/EmptyState";
import viewer from "@/viewer/viewer.module.css";
import { detectWords as words } from "@/words/viewer";

import { NewCount, type Plan } from "./NewCount";
import { RunCard, type RunCardProps } from "./RunCard";
import { RunList } from "./RunList";

interface DetectPanelProps extends Omit<RunCardProps, "run"> {
  readonly study: Study;
  readonly isAdmin: boolean;
  readonly run: DetectionRun | null;
  readonly runs: readonly DetectionRun[];
  readonly model: Model | null;
  readonly isModelKnown: boolean;
  readonly plan: Plan;
  readonly isStarting: boolean;
  readonly onPlan: (plan: Plan) => void;
  readonly onStart: () => void;
  readonly onShow: (runId: number) => void;
}

function NoModel({ study, isAdmin }: { readonly study: Study; readonly isAdmin: boolean }) {
  return (
    <section className={viewer.section}>
      <EmptyState
        compact
        icon={IconSchool}
        title={words.noModelTitle}
        text={isAdmin ? words.noModelAdmin : words.noModelLab}
        action={
          <Button
            component={Link}
            size="xs"
            variant={isAdmin ? "filled" : "default"}
            to={isAdmin ? paths.trainings(study.id) : paths.models(study.id)}
          >
            {isAdmin ? words.toTraining : words.toModels}
          </Button>
        }
      />
    </section>
  );
}

function NotCounted({ canDetect }: { readonly canDetect: boolean }) {
  return (
    <section className={viewer.section}>
      <EmptyState
        compact
        icon={IconListSearch}
        title={words.notCountedTitle}
        text={canDetect ? words.notCountedStarter : words.notCountedReader}
      />
    </section>
  );
}

const isBusy = (run: DetectionRun | null): boolean => run?.state === "queued" || run?.state === "running";

export function DetectPanel(props: DetectPanelProps) {
  const { study, slide, run, runs, model, isModelKnown, canDetect, isAdmin, plan, isStarting } = props;
  const canStart = canDetect && !isBusy(run);
  return (
    <aside className={viewer.panel} aria-label={words.title}>
      {isModelKnown && !model && <NoModel study={study} isAdmin={isAdmin} />}
      {run ? <RunCard key={run.id} {...props} run={run} /> : model && <NotCounted canDetect={canDetect} />}
      {model && canStart && (
        <NewCount
          model={model}
          mpp={slide.mpp}
          plan={plan}
          isStarting={isStarting}
          hasRuns={runs.length > 0}
          onPlan={props.onPlan}
          onStart={props.onStart}
        />
      )}
      <RunList runs={runs} shownId={run?.id ?? null} onShow={props.onShow} />
    </aside>
  );
}
