/** Everything known about a slide, what may be changed of it, and taking a failed one away. */

import { Alert, Button, Drawer, Group, NumberInput, Stack, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";

import { useChangeSlide } from "@/api/slides";
import type { Slide } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { Facts, type Fact } from "@/features/common/Facts";
import { formatBytes, formatMoment, shortHash } from "@/format";
import { words } from "@/words";

import { TakeAway } from "./TakeAway";

const text = words.slides;
const SMALLEST_MPP = 0.01;
const LARGEST_MPP = 20;

const isScale = (value: number | ""): boolean =>
  value === "" || (value >= SMALLEST_MPP && value <= LARGEST_MPP);

function factsOf(slide: Slide): Fact[] {
  return [
    { name: text.facts.format, value: slide.format || words.common.none },
    { name: text.facts.file, value: formatBytes(slide.size_bytes) },
    { name: text.facts.objective, value: slide.objective ? `${slide.objective}×` : words.common.none },
    { name: text.facts.sha256, value: <code>{shortHash(slide.sha256)}</code>, title: slide.sha256 },
    { name: text.facts.uploaded, value: `${formatMoment(slide.created_at)}, ${slide.uploaded_by}` },
  ];
}

function DetailsForm({ slide, onClose }: { slide: Slide; onClose: () => void }) {
  const change = useChangeSlide(slide);
  const form = useForm<{ case_code: string; mpp: number | ""; note: string }>({
    initialValues: { case_code: slide.case_code, mpp: slide.mpp ?? "", note: slide.note },
    validate: { mpp: (value) => (isScale(value) ? null : text.mppWrong) },
  });
  const submit = form.onSubmit(({ mpp, ...rest }) =>
    change.mutate(
      { ...rest, mpp: mpp === "" ? null : mpp },
      {
        onSuccess: () => {
          notifyDone(text.saved(slide.code));
          onClose();
        },
      },
    ),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label={text.caseCode} maxLength={60} {...form.getInputProps("case_code")} />
        <NumberInput
          label={text.mppField}
          description={text.mppHelp}
          decimalScale={5}
          hideControls
          {...form.getInputProps("mpp")}
        />
        <Textarea label={text.note} autosize minRows={2} maxLength={2000} {...form.getInputProps("note")} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {words.common.cancel}
          </Button>
          <Button type="submit" loading={change.isPending} disabled={!form.isDirty()}>
            {words.common.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface Props {
  slide: Slide | null;
  canChange: boolean;
  onClose: () => void;
}

export function SlideDetails({ slide, canChange, onClose }: Props) {
  return (
    <Drawer
      opened={slide !== null}
      onClose={onClose}
      position="right"
      size="md"
      padding="lg"
      title={slide ? text.detailsTitle(slide.code) : ""}
    >
      {slide && (
        <Stack gap="xl">
          {canChange && slide.state === "ready" && (
            <DetailsForm key={slide.id} slide={slide} onClose={onClose} />
          )}
          {slide.mpp_doubt && (
            <Alert color="clay" title={text.mppDoubt}>
              {slide.mpp_doubt}
            </Alert>
          )}
          <Facts facts={factsOf(slide)} columns={2} />
          {canChange && slide.state === "failed" && <TakeAway slide={slide} onDone={onClose} />}
        </Stack>
      )}
    </Drawer>
  );
}
