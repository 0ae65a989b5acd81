/** A text of a slide that is changed where it stands: saved on leaving it or on Enter, and it says so. */

import { Loader, VisuallyHidden } from "@mantine/core";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { useState, type KeyboardEvent } from "react";

import { useChangeSlide } from "@/api/slides";
import type { Slide } from "@/api/types";
import { errorMessage } from "@/app/notify";
import { words } from "@/words";

import classes from "./InPlace.module.css";
import { MOST_CHARACTERS } from "./stains";

const text = words.slides;

const FIELDS = {
  case_code: { name: text.caseCode, empty: text.noCase, list: "slide-cases" },
  stain: { name: text.stain, empty: text.noStain, list: "slide-stains" },
  note: { name: text.note, empty: text.noNote, list: undefined },
} as const;

type Field = keyof typeof FIELDS;
type Change = ReturnType<typeof useChangeSlide>;

function Sign({ change }: { change: Change }) {
  if (change.isPending)
    return <Loader size={14} type="oval" className={classes.sign} aria-label={text.saving} />;
  if (change.isError) {
    const why = `${text.unsaved}: ${errorMessage(change.error)}`;
    return (
      <span className={classes.sign} data-wrong role="alert" title={why}>
        <IconAlertTriangle size={15} aria-hidden="true" />
        <VisuallyHidden>{why}</VisuallyHidden>
      </span>
    );
  }
  return (
    <span className={classes.sign} role="status">
      {change.isSuccess && (
        <>
          <IconCheck size={15} aria-hidden="true" />
          <VisuallyHidden>{text.fieldSaved}</VisuallyHidden>
        </>
      )}
    </span>
  );
}

/** What is being written, until the server has it. */
function useDraft(slide: Slide, field: Field) {
  const change = useChangeSlide(slide);
  const [draft, setDraft] = useState<string | null>(null);
  const write = (value: string): void => {
    setDraft(value);
    if (!change.isPending) change.reset();
  };
  const save = (): void => {
    const value = draft?.trim();
    if (value === undefined || value === slide[field]) return setDraft(null);
    change.mutate({ [field]: value }, { onSuccess: () => setDraft(null) });
  };
  return { change, value: draft ?? slide[field], write, save, giveUp: () => setDraft(null) };
}

interface Props {
  slide: Slide;
  field: Field;
  canChange: boolean;
}

export function InPlace({ slide, field, canChange }: Props) {
  const { change, value, write, save, giveUp } = useDraft(slide, field);
  const { name, empty, list } = FIELDS[field];
  if (!canChange)
    return (
      <span className={classes.still} data-empty={!value || undefined} title={value || undefined}>
        {value || empty}
      </span>
    );
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    if (event.key === "Escape") giveUp();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    // Leaving it saves; the keys work on the list again.
    event.currentTarget.closest("article")?.focus();
  };
  const shared = {
    className: classes.input,
    "aria-label": text.fieldOf(name, slide.code),
    placeholder: empty,
    maxLength: MOST_CHARACTERS[field],
    value,
    onBlur: save,
    onKeyDown,
  };
  return (
    <div className={classes.root} data-field={field}>
      {field === "note" ? (
        <textarea {...shared} rows={3} onChange={(event) => write(event.currentTarget.value)} />
      ) : (
        <input {...shared} list={list} onChange={(event) => write(event.currentTarget.value)} />
      )}
      <Sign change={change} />
    </div>
  );
}

/** What the inputs of all rows suggest; once on the page. */
export function Suggestions({ cases, stains }: { cases: readonly string[]; stains: readonly string[] }) {
  return (
    <>
      <datalist id={FIELDS.case_code.list}>
        {cases.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <datalist id={FIELDS.stain.list}>
        {stains.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  );
}
