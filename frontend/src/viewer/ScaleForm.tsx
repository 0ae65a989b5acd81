/** Sets what a pixel of the slide measures: by a line of known length, by the objective, or back to the file's value. */

import { Button, Group, NumberInput, SegmentedControl, Text } from "@mantine/core";
import { useState } from "react";

import { useChangeSlide, type SlideChange } from "@/api/slides";
import type { Slide } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { formatCount } from "@/format";
import { scaleWords as words } from "@/words/viewer";

import {
  isScale,
  LONG_ENOUGH_PX,
  mppOfLength,
  objectiveOf,
  OBJECTIVES,
  usualMpp,
  type LengthUnit,
  type NewScale,
} from "./calibration";
import { magnificationText, nativeMagnification } from "./scaleBar";
import { scaleText, ScaleNow } from "./ScaleNow";
import classes from "./viewer.module.css";

export type ScaleWay = "length" | "objective";
type Entry = number | string;

interface ByLengthProps {
  readonly linePx: number | null;
  readonly length: Entry;
  readonly unit: LengthUnit;
  readonly onLength: (length: Entry) => void;
  readonly onUnit: (unit: LengthUnit) => void;
}

function ByLength({ linePx, length, unit, onLength, onUnit }: ByLengthProps) {
  return (
    <>
      <Text size="xs" c="dimmed">
        {linePx === null ? words.draw : words.drawAgain}
      </Text>
      <Text size="sm" fw={600} role="status" data-testid="line">
        {words.line(linePx === null ? "–" : formatCount(Math.round(linePx)))}
      </Text>
      {linePx !== null && linePx < LONG_ENOUGH_PX && (
        <Text size="xs" className={classes.warning}>
          {words.short}
        </Text>
      )}
      <Group gap="xs" align="end" wrap="nowrap">
        <NumberInput
          label={words.length}
          value={length}
          onChange={onLength}
          min={0}
          hideControls
          size="xs"
          className={classes.grow}
        />
        <SegmentedControl
          size="xs"
          aria-label={words.unit}
          value={unit}
          onChange={(chosen) => onUnit(chosen as LengthUnit)}
          data={["µm", "mm"]}
        />
      </Group>
    </>
  );
}

function ByObjective({ mpp, onMpp }: { readonly mpp: Entry; readonly onMpp: (mpp: Entry) => void }) {
  const chosen = objectiveOf(Number(mpp));
  return (
    <>
      <div role="group" aria-label={words.objective} className={classes.choices}>
        {OBJECTIVES.map((objective) => (
          <Button
            key={objective}
            size="compact-sm"
            variant={objective === chosen ? "light" : "default"}
            aria-pressed={objective === chosen}
            onClick={() => onMpp(usualMpp(objective))}
          >
            {objective}×
          </Button>
        ))}
      </div>
      <NumberInput
        label={words.value}
        description={words.objectiveHint}
        value={mpp}
        onChange={onMpp}
        decimalScale={5}
        min={0}
        hideControls
        size="xs"
      />
    </>
  );
}

function Result({ scale }: { readonly scale: NewScale | null }) {
  if (scale && !isScale(scale.mpp)) {
    return (
      <Text size="xs" c="red" role="alert">
        {words.silly}
      </Text>
    );
  }
  const native = scale && nativeMagnification(scale.mpp, null);
  return (
    <div className={classes.newScale} role="status">
      <span>{words.result}</span>
      <strong data-testid="new-scale">{scale ? scaleText(scale.mpp) : "–"}</strong>
      {native !== null && <small>{words.as(magnificationText(1, native))}</small>}
    </div>
  );
}

interface ScaleFormProps {
  readonly slide: Slide;
  /** Length of the line that was drawn, in pixels of the slide. */
  readonly linePx: number | null;
  readonly way: ScaleWay;
  /** Left out where no line can be drawn. */
  readonly onWay?: (way: ScaleWay) => void;
  readonly onDone: () => void;
}

function useScaleEntry({ slide, linePx, way }: ScaleFormProps) {
  const [length, setLength] = useState<Entry>("");
  const [unit, setUnit] = useState<LengthUnit>("µm");
  const [mpp, setMpp] = useState<Entry>(slide.mpp ?? "");
  const typed = mpp === "" ? null : Number(mpp);
  const measured = linePx === null ? null : mppOfLength(Number(length), unit, linePx);
  const source = typed !== null && objectiveOf(typed) !== null ? "objective" : "typed";
  const found: NewScale | null =
    way === "length"
      ? measured === null
        ? null
        : { mpp: measured, source: "length" }
      : typed === null
        ? null
        : { mpp: typed, source };
  return { found, lengthProps: { length, unit, onLength: setLength, onUnit: setUnit }, mpp, setMpp };
}

export function ScaleForm(props: ScaleFormProps) {
  const { slide, linePx, way, onWay, onDone } = props;
  const { found, lengthProps, mpp, setMpp } = useScaleEntry(props);
  const change = useChangeSlide(slide);
  const save = (wish: SlideChange): void =>
    change.mutate(wish, {
      onSuccess: (changed) => {
        notifyDone(words.saved(scaleText(changed.mpp)));
        onDone();
      },
    });
  const isNew = found !== null && isScale(found.mpp) && found.mpp !== slide.mpp;
  const canGoBack = slide.file_mpp !== null && slide.mpp_source !== "file";
  return (
    <div className={classes.scaleForm}>
      <ScaleNow slide={slide} />
      {onWay && (
        <SegmentedControl
          size="xs"
          fullWidth
          aria-label={words.ways}
          value={way}
          onChange={(chosen) => onWay(chosen as ScaleWay)}
          data={[
            { value: "length", label: words.byLength },
            { value: "objective", label: words.byObjective },
          ]}
        />
      )}
      {way === "length" ? (
        <ByLength linePx={linePx} {...lengthProps} />
      ) : (
        <ByObjective mpp={mpp} onMpp={setMpp} />
      )}
      <Result scale={found} />
      <Text size="xs" c="dimmed">
        {words.inUse}
      </Text>
      {canGoBack && (
        <Button
          size="compact-sm"
          variant="subtle"
          loading={change.isPending}
          onClick={() => save({ mpp_source: "file" })}
        >
          {words.toFile(scaleText(slide.file_mpp))}
        </Button>
      )}
      <Group justify="flex-end" gap="xs">
        <Button size="xs" variant="default" onClick={onDone}>
          {words.cancel}
        </Button>
        <Button
          size="xs"
          loading={change.isPending}
          disabled={!isNew}
          onClick={() => found && save({ mpp: found.mpp, mpp_source: found.source })}
        >
          {words.save}
        </Button>
      </Group>
    </div>
  );
}
