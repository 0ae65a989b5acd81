/** Freeze the labels: whose word counts, what stays together, which patches. */

import { Alert, Button, Collapse, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconInfoCircle } from "@tabler/icons-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { useStartFreeze } from "@/api/datasets";
import { newClientKey } from "@/api/polling";
import { useMembers } from "@/api/studies";
import type { Id, PatchSummary, Study } from "@/api/types";
import { errorMessage } from "@/app/notify";
import { paths } from "@/app/paths";
import { Advanced, CardChoice, SeedInput } from "@/features/common/Form";
import classes from "@/features/common/Form.module.css";
import { MaterialChoice } from "@/features/patches/MaterialChoice";
import { balanceOf, LEAST_OF_A_KIND } from "@/features/training/labels";
import { words } from "@/words";

import { SPLITS, START, wishOf, type Choice } from "./choice";

const text = words.datasets;

interface PartProps {
  choice: Choice;
  onChange: (change: Partial<Choice>) => void;
}

/** The people who may label, each once. */
function useReaders(study: Id): { value: string; label: string }[] {
  const members = useMembers(study).data ?? [];
  const readers = members.filter(({ role }) => role === "pathologist");
  return [...new Map(readers.map(({ user }) => [user.id, user])).values()].map(({ id, name, username }) => ({
    value: String(id),
    label: text.reader(name || username),
  }));
}

function VerdictChoice({ choice, onChange, study }: PartProps & { study: Id }) {
  return (
    <Select
      label={text.verdict}
      description={text.verdictHelp}
      data={[{ value: "", label: text.majority }, ...useReaders(study)]}
      value={choice.reader}
      onChange={(reader) => onChange({ reader: reader ?? "" })}
      allowDeselect={false}
    />
  );
}

function SplitChoice({ choice, onChange }: PartProps) {
  return (
    <div>
      <CardChoice
        label={text.split}
        value={choice.split}
        onChange={(split) => onChange({ split })}
        cards={SPLITS.map((value) => ({ value, ...text.splits[value] }))}
      />
      <Collapse expanded={choice.split === "place"}>
        <NumberInput
          pt="sm"
          label={text.guard}
          description={text.guardHelp}
          suffix=" px"
          min={0}
          max={1000}
          allowDecimal={false}
          value={choice.guardPx}
          onChange={(guardPx) => onChange({ guardPx: Number(guardPx) || 0 })}
        />
      </Collapse>
      <Text className={classes.fine} mt={8}>
        {text.copies}
      </Text>
    </div>
  );
}

export function NewDataset({ study, summary }: { study: Study; summary: PatchSummary }) {
  const [choice, setChoice] = useState(START);
  const freeze = useStartFreeze(study.id);
  const navigate = useNavigate();
  const { isEnough } = balanceOf(study.classes, summary);
  const change = (part: Partial<Choice>) => setChoice({ ...choice, ...part });
  const submit = () =>
    freeze.mutate(
      { ...wishOf(choice), client_key: newClientKey() },
      {
        onSuccess: ({ id }) => {
          setChoice({ ...choice, name: "" });
          void navigate(paths.freeze(study.id, id));
        },
      },
    );
  return (
    <Stack gap="lg">
      {!isEnough && (
        <Alert color="clay" icon={<IconInfoCircle />} title={words.training.tooFewTitle}>
          {words.training.tooFew(LEAST_OF_A_KIND)}
        </Alert>
      )}
      <TextInput
        label={text.name}
        description={text.nameHelp}
        maxLength={120}
        value={choice.name}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <VerdictChoice choice={choice} onChange={change} study={study.id} />
      <SplitChoice choice={choice} onChange={change} />
      <MaterialChoice choice={choice} onChange={change} summary={summary} />
      <Advanced label={text.advanced}>
        <SeedInput
          label={text.seed}
          description={text.seedHelp}
          seed={choice.seed}
          onChange={(seed) => change({ seed })}
        />
      </Advanced>
      {freeze.isError && <Alert color="red">{errorMessage(freeze.error)}</Alert>}
      <Button onClick={submit} loading={freeze.isPending} disabled={!isEnough} size="md">
        {text.freeze}
      </Button>
    </Stack>
  );
}
