/** The choices behind a count, closed at first; what is not as usual is told beside the name. */

import { SegmentedControl, Switch, Text } from "@mantine/core";
import { useId } from "react";

import { Advanced } from "@/features/common/Form";
import { words } from "@/words";

import { changesOf, ENGINES, HEADS, PRECISIONS, STRIDES, type CountChoice } from "./choice";
import classes from "./detect.module.css";

const text = words.options;

interface OneOfProps<Value extends string> {
  readonly title: string;
  readonly value: Value;
  readonly data: readonly { value: Value; label: string }[];
  readonly line: string;
  readonly onChange: (value: Value) => void;
}

function OneOf<Value extends string>({ title, value, data, line, onChange }: OneOfProps<Value>) {
  const [titleId, lineId] = [useId(), useId()];
  return (
    <div>
      <Text id={titleId} size="sm" mb={4}>
        {title}
      </Text>
      <SegmentedControl
        fullWidth
        size="xs"
        aria-labelledby={titleId}
        aria-describedby={lineId}
        value={value}
        data={[...data]}
        onChange={(chosen) => onChange(chosen as Value)}
      />
      <Text id={lineId} size="xs" c="dimmed" mt={4} aria-live="polite">
        {line}
      </Text>
    </div>
  );
}

interface Props {
  readonly choice: CountChoice;
  readonly onChange: (choice: CountChoice) => void;
}

function Gates({ choice, onChange }: Props) {
  return (
    <>
      <Switch
        size="sm"
        label={text.gate.title}
        description={text.gate.line}
        checked={choice.gate}
        onChange={({ currentTarget }) => onChange({ ...choice, gate: currentTarget.checked })}
      />
      <Switch
        size="sm"
        label={text.tissue.title}
        description={choice.gate ? text.tissue.line : text.tissue.needsGate}
        checked={choice.gate && choice.tissue_gate}
        disabled={!choice.gate}
        onChange={({ currentTarget }) => onChange({ ...choice, tissue_gate: currentTarget.checked })}
      />
    </>
  );
}

export function CountOptions({ choice, onChange }: Props) {
  const changes = changesOf(choice);
  return (
    <Advanced label={changes.length > 0 ? text.changed(changes.join(", ")) : text.title}>
      <div className={classes.choices}>
        <Text size="xs" c="dimmed" className={classes.lead}>
          {text.lead}
        </Text>
        <OneOf
          title={text.stride.title}
          value={`${choice.stride_px}`}
          data={STRIDES.map((px) => ({ value: `${px}` as const, label: text.stride.px(px) }))}
          line={text.stride.lines[choice.stride_px]}
          onChange={(px) => onChange({ ...choice, stride_px: Number(px) as CountChoice["stride_px"] })}
        />
        <OneOf
          title={text.head.title}
          value={choice.head}
          data={HEADS.map((value) => ({ value, label: text.head.names[value] }))}
          line={text.head.lines[choice.head]}
          onChange={(head) => onChange({ ...choice, head })}
        />
        <OneOf
          title={text.precision.title}
          value={choice.precision}
          data={PRECISIONS.map((value) => ({ value, label: text.precision.names[value] }))}
          line={text.precision.lines[choice.precision]}
          onChange={(precision) => onChange({ ...choice, precision })}
        />
        <OneOf
          title={text.engine.title}
          value={choice.engine}
          data={ENGINES.map((value) => ({ value, label: text.engine.names[value] }))}
          line={text.engine.lines[choice.engine]}
          onChange={(engine) => onChange({ ...choice, engine })}
        />
        <Gates choice={choice} onChange={onChange} />
      </div>
    </Advanced>
  );
}
