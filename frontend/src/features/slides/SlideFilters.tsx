/** What to look for among the slides: a word, and what they are, lack, or came with. */

import { Button, Popover, Select, Stack, TextInput, type SelectProps } from "@mantine/core";
import { useDebouncedCallback, useHotkeys } from "@mantine/hooks";
import { IconCalendarUser, IconSearch, IconX } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

import { useSlideFacets } from "@/api/slides";
import type { Id } from "@/api/types";
import { words } from "@/words";

import classes from "./SlideFilters.module.css";
import { isFiltered, type View, type ViewControl } from "./view";

const text = words.slides;
const TYPING_MS = 250;
const MOST_OPTIONS = 100;

interface Option {
  value: string;
  label: string;
}

const optionsOf = (names: Readonly<Record<string, string>>): Option[] =>
  Object.entries(names).map(([value, label]) => ({ value, label }));

const asOptions = (values: readonly string[]): Option[] => values.map((value) => ({ value, label: value }));

/** A choice that a link brought along is shown even where no slide has it any more. */
const withChosen = (options: readonly Option[], value: string): Option[] =>
  value && !options.some((option) => option.value === value)
    ? [{ value, label: value }, ...options]
    : [...options];

function SearchBox({ value, onSearch }: { value: string; onSearch: (value: string) => void }) {
  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(value);
  const send = useDebouncedCallback(onSearch, TYPING_MS);
  useHotkeys([["/", () => box.current?.focus()]]);
  // What is being typed is ahead of the address; otherwise a link, or clearing the filters, has changed it.
  useEffect(() => {
    if (document.activeElement !== box.current) setTyped(value);
  }, [value]);
  return (
    <TextInput
      ref={box}
      type="search"
      aria-label={text.search}
      aria-keyshortcuts="/"
      title={text.slashHelp}
      placeholder={text.search}
      leftSection={<IconSearch size={16} />}
      value={typed}
      maxLength={100}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        send(event.currentTarget.value.trim());
      }}
      className={classes.search}
    />
  );
}

interface ChoiceProps extends ViewControl {
  of: Extract<keyof View, "state" | "case" | "stain" | "missing" | "by">;
  name: string;
  options: readonly Option[];
  more?: SelectProps;
}

function Choice({ of: key, name, options, view, change, more }: ChoiceProps) {
  return (
    <Select
      aria-label={name}
      placeholder={name}
      data={withChosen(options, view[key])}
      value={view[key] || null}
      onChange={(value) => change({ [key]: value ?? "" })}
      clearable
      limit={MOST_OPTIONS}
      className={classes.choice}
      {...more}
    />
  );
}

function DayBox({ of: key, name, view, change }: ViewControl & { of: "from" | "to"; name: string }) {
  return (
    <TextInput
      type="date"
      label={name}
      value={view[key]}
      max={key === "from" ? view.to || undefined : undefined}
      min={key === "to" ? view.from || undefined : undefined}
      onChange={(event) => change({ [key]: event.currentTarget.value })}
    />
  );
}

function Uploaded({ people, ...control }: ViewControl & { people: readonly Option[] }) {
  const { view } = control;
  const person = people.find(({ value }) => value === view.by)?.label ?? view.by;
  const days = [view.from, view.to].some(Boolean) ? `${view.from || "…"} – ${view.to || "…"}` : "";
  const said = [person, days].filter(Boolean).join(", ");
  return (
    <Popover position="bottom-start" width={280} trapFocus withinPortal>
      <Popover.Target>
        <Button
          variant="default"
          className={classes.uploaded}
          data-on={said !== "" || undefined}
          leftSection={<IconCalendarUser size={16} stroke={1.7} />}
          aria-label={`${text.uploaded}: ${said || text.anyTime}`}
          title={said || text.anyTime}
        >
          <span className={classes.said}>{said || text.uploaded}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          <Choice
            of="by"
            name={text.person}
            options={people}
            {...control}
            more={{ label: text.person, placeholder: words.common.all, className: "" }}
          />
          <DayBox of="from" name={text.from} {...control} />
          <DayBox of="to" name={text.to} {...control} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

export function SlideFilters({ study, ...control }: ViewControl & { study: Id }) {
  const facets = useSlideFacets(study).data;
  const { view, change, clear } = control;
  const people = (facets?.people ?? []).map(({ id, name }) => ({ value: String(id), label: name }));
  const searchable = { searchable: true };
  return (
    <div className={classes.root} role="search" aria-label={text.filters}>
      <SearchBox value={view.search} onSearch={(search) => change({ search })} />
      <Choice of="state" name={text.state} options={optionsOf(text.states)} {...control} />
      <Choice
        of="case"
        name={text.caseCode}
        options={asOptions(facets?.cases ?? [])}
        {...control}
        more={searchable}
      />
      <Choice
        of="stain"
        name={text.stain}
        options={asOptions(facets?.stains ?? [])}
        {...control}
        more={searchable}
      />
      <Choice of="missing" name={text.lacks} options={optionsOf(text.missing)} {...control} />
      <Uploaded people={people} {...control} />
      {isFiltered(view) && (
        <Button variant="subtle" color="gray" px="xs" leftSection={<IconX size={15} />} onClick={clear}>
          {text.clearFilter}
        </Button>
      )}
    </div>
  );
}
