/** One thing done to many slides: says what will happen first, and which slides stayed as they were afterwards. */

import { Alert, Autocomplete, Button, Group, Modal, NumberInput, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useState, type FormEvent } from "react";

import { useChangeSlides, useDeleteSlides, useSlideFacets, type SlideChange } from "@/api/slides";
import type { Id, SlideName, SlidesDone } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { DialogButtons } from "@/features/common/Form";
import { formatCount } from "@/format";
import { isScale } from "@/viewer/calibration";
import { words } from "@/words";

import classes from "./BulkDialog.module.css";
import type { Selection } from "./selection";
import { MOST_CHARACTERS, useStains } from "./stains";

const text = words.slides.bulk;
const MOST_NAMED = 12;

export const SETTABLE = ["case_code", "stain", "mpp"] as const;
type Settable = (typeof SETTABLE)[number];
export type BulkKind = Settable | "remove";

function Named({ slides }: { slides: readonly SlideName[] }) {
  const named = slides.slice(0, MOST_NAMED).map(({ code }) => code);
  const rest = slides.length - named.length;
  return (
    <p className={classes.named}>
      {named.join(", ")}
      {rest > 0 && ` ${text.more(formatCount(rest))}`}
    </p>
  );
}

function Refused({ refused }: { refused: SlidesDone["refused"] }) {
  const title = text.refusedTitle(formatCount(refused.length), refused.length === 1);
  return (
    <Alert color="clay" icon={<IconAlertTriangle />} title={title}>
      <ul className={classes.refused}>
        {refused.map(({ slide, slide_code: code, message }) => (
          <li key={slide}>{text.refused(code ?? text.gone, message)}</li>
        ))}
      </ul>
    </Alert>
  );
}

interface FormProps {
  study: Id;
  selection: Selection;
  onDone: (answer: SlidesDone) => void;
  onClose: () => void;
}

interface FrameProps {
  isSending: boolean;
  yes: string;
  isDanger?: boolean;
  isOff?: boolean;
  onSend: () => void;
  onClose: () => void;
  children: React.ReactNode;
}

function Frame({ isSending, yes, isDanger = false, isOff = false, onSend, onClose, children }: FrameProps) {
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onSend();
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {children}
        <DialogButtons
          onCancel={onClose}
          type="submit"
          color={isDanger ? "red" : undefined}
          disabled={isOff}
          loading={isSending}
        >
          {yes}
        </DialogButtons>
      </Stack>
    </form>
  );
}

interface ValueProps {
  study: Id;
  field: Settable;
  value: string;
  onChange: (value: string) => void;
}

function ValueInput({ study, field, value, onChange }: ValueProps) {
  const cases = useSlideFacets(study).data?.cases ?? [];
  const stains = useStains(study);
  if (field === "mpp")
    return (
      <NumberInput
        label={words.slides.mppField}
        description={words.slides.mppHelp}
        error={value !== "" && !isScale(Number(value)) && words.slides.mppWrong}
        decimalScale={5}
        hideControls
        data-autofocus
        value={value}
        onChange={(next) => onChange(String(next))}
      />
    );
  return (
    <Autocomplete
      label={field === "stain" ? words.slides.stain : words.slides.caseCode}
      data={field === "stain" ? stains : cases}
      maxLength={MOST_CHARACTERS[field]}
      limit={50}
      data-autofocus
      value={value}
      onChange={onChange}
    />
  );
}

function SetForm({ study, selection, field, onDone, onClose }: FormProps & { field: Settable }) {
  const [value, setValue] = useState("");
  const change = useChangeSlides(study);
  const changes: SlideChange = { [field]: field === "mpp" ? Number(value) : value };
  const send = (): void =>
    change.mutate({ slides: [...selection.chosen.keys()], changes }, { onSuccess: onDone });
  return (
    <Frame
      isSending={change.isPending}
      yes={text.apply}
      isOff={field === "mpp" && !isScale(Number(value))}
      onSend={send}
      onClose={onClose}
    >
      <Text size="sm">{text.what[field]}</Text>
      <Named slides={[...selection.chosen.values()]} />
      <ValueInput study={study} field={field} value={value} onChange={setValue} />
    </Frame>
  );
}

function RemoveForm({ study, selection, onDone, onClose }: FormProps) {
  const remove = useDeleteSlides(study);
  const slides = [...selection.chosen.values()];
  const removable = slides.filter(({ state }) => state === "failed");
  const send = (): void => remove.mutate([...selection.chosen.keys()], { onSuccess: onDone });
  return (
    <Frame
      isSending={remove.isPending}
      yes={text.remove}
      isDanger
      isOff={removable.length === 0}
      onSend={send}
      onClose={onClose}
    >
      <Text size="sm">{text.removable(removable.length, formatCount(slides.length))}</Text>
      {removable.length > 0 && (
        <>
          <Named slides={removable} />
          <Text size="sm">{text.removeLast}</Text>
        </>
      )}
    </Frame>
  );
}

interface Props {
  study: Id;
  kind: BulkKind;
  selection: Selection;
  onClose: () => void;
}

export function BulkDialog({ study, kind, selection, onClose }: Props) {
  const [answer, setAnswer] = useState<SlidesDone | null>(null);
  const [size] = useState(selection.chosen.size);
  const onDone = (given: SlidesDone): void => {
    const { done, refused } = given;
    const said = kind === "remove" ? text.removed : text.done;
    if (done.length > 0) notifyDone(said(formatCount(done.length), done.length === 1));
    if (kind === "remove") selection.drop(done);
    if (refused.length > 0) setAnswer(given);
    else onClose();
  };
  const form = { study, selection, onDone, onClose };
  return (
    <Modal opened onClose={onClose} title={text.title[kind](text.slides(formatCount(size), size === 1))}>
      {answer ? (
        <Stack>
          <Refused refused={answer.refused} />
          <Group justify="flex-end">
            <Button onClick={onClose}>{words.common.close}</Button>
          </Group>
        </Stack>
      ) : kind === "remove" ? (
        <RemoveForm {...form} />
      ) : (
        <SetForm {...form} field={kind} />
      )}
    </Modal>
  );
}
