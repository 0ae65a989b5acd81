/** Where to count and with which model; then the button. */

import { ActionIcon, Button, SegmentedControl, Text } from "@mantine/core";
import { IconPlayerPlay, IconPolygon, IconRectangle, IconX } from "@tabler/icons-react";

import type { Model, Scores } from "@/api/types";
import { polygonArea } from "@/viewer/coordinates";
import { areaMm2, percent, three, whole } from "@/viewer/format";
import type { Region, RegionTool } from "@/viewer/regions";
import viewer from "@/viewer/viewer.module.css";
import { detectWords as words } from "@/words/viewer";

import type { CountChoice } from "./choice";
import { CountOptions } from "./CountOptions";
import classes from "./detect.module.css";

export type Where = "whole" | "regions";

export interface Plan {
  readonly where: Where;
  readonly regions: readonly Region[];
  readonly tool: RegionTool | null;
  readonly choice: CountChoice;
}

interface NewCountProps {
  readonly model: Model;
  readonly mpp: number | null;
  readonly plan: Plan;
  readonly isStarting: boolean;
  readonly hasRuns: boolean;
  readonly onPlan: (plan: Plan) => void;
  readonly onStart: () => void;
}

function scoresOf(model: Model): { scores: Scores; side: "test" | "validation" } | null {
  const { test, validation } = model.metrics ?? {};
  if (test) return { scores: test, side: "test" };
  return validation ? { scores: validation, side: "validation" } : null;
}

function ModelLine({ model }: { readonly model: Model }) {
  const tested = scoresOf(model);
  return (
    <div className={classes.model}>
      <Text size="sm" fw={600}>
        {words.modelLine(model.number)}
      </Text>
      {tested && (
        <Text size="xs" c="dimmed">
          {words.accuracy(percent(tested.scores.accuracy))} ·{" "}
          {words.precision(percent(tested.scores.precision))} · {words.recall(percent(tested.scores.recall))}{" "}
          {words.testedOn(whole(tested.scores.count), tested.side)}
        </Text>
      )}
    </div>
  );
}

const areaText = (region: Region, mpp: number | null): string => {
  const px = polygonArea(region);
  return mpp ? `${three(areaMm2(px, mpp))} mm²` : `${whole(px)} px²`;
};

function Regions({ plan, mpp, onPlan }: Pick<NewCountProps, "plan" | "mpp" | "onPlan">) {
  const { regions, tool } = plan;
  const toggle = (wanted: RegionTool): void => onPlan({ ...plan, tool: tool === wanted ? null : wanted });
  const tools = [
    { tool: "rectangle", name: words.rectangle, Icon: IconRectangle },
    { tool: "polygon", name: words.polygon, Icon: IconPolygon },
  ] as const;
  return (
    <>
      <div className={classes.tools}>
        {tools.map(({ tool: wanted, name, Icon }) => (
          <Button
            key={wanted}
            size="xs"
            variant={tool === wanted ? "light" : "default"}
            leftSection={<Icon size={15} />}
            aria-pressed={tool === wanted}
            onClick={() => toggle(wanted)}
          >
            {name}
          </Button>
        ))}
      </div>
      {regions.length === 0 && (
        <Text size="xs" c="dimmed" mt={8}>
          {words.noRegions}
        </Text>
      )}
      {regions.map((region, index) => (
        <div key={index} className={classes.region}>
          <span>{words.region(index + 1)}</span>
          <span className={classes.soft}>{areaText(region, mpp)}</span>
          <ActionIcon
            size="sm"
            aria-label={words.removeRegion(index + 1)}
            onClick={() => onPlan({ ...plan, regions: regions.filter((_, other) => other !== index) })}
          >
            <IconX size={14} />
          </ActionIcon>
        </div>
      ))}
    </>
  );
}

export function NewCount({ model, mpp, plan, isStarting, hasRuns, onPlan, onStart }: NewCountProps) {
  const isReady = plan.where === "whole" || plan.regions.length > 0;
  const choose = (where: Where): void =>
    onPlan({ ...plan, where, tool: where === "regions" && plan.regions.length === 0 ? "rectangle" : null });
  return (
    <section className={viewer.section} aria-label={words.newCount}>
      <h2 className={viewer.heading}>{hasRuns ? words.anotherCount : words.newCount}</h2>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-label={words.where}
        value={plan.where}
        onChange={(where) => choose(where as Where)}
        data={[
          { value: "whole", label: words.whole },
          { value: "regions", label: words.regions },
        ]}
      />
      {plan.where === "regions" && <Regions plan={plan} mpp={mpp} onPlan={onPlan} />}
      <ModelLine model={model} />
      <div className={classes.options}>
        <CountOptions choice={plan.choice} onChange={(choice) => onPlan({ ...plan, choice })} />
      </div>
      <Button
        fullWidth
        variant={hasRuns ? "light" : "filled"}
        leftSection={<IconPlayerPlay size={16} />}
        disabled={!isReady}
        loading={isStarting}
        onClick={onStart}
      >
        {words.start}
      </Button>
    </section>
  );
}
