/** Everything known about a slide, what may be changed of it, and taking a failed one away. */

import {
  Alert,
  Anchor,
  Autocomplete,
  Button,
  Drawer,
  Group,
  Stack,
  Textarea,
  TextInput,
  Title,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { Link } from "react-router";

import { useChangeSlide } from "@/api/slides";
import type { Slide } from "@/api/types";
import { notifyDone } from "@/app/notify";
import { paths } from "@/app/paths";
import { Facts, type Fact } from "@/features/common/Facts";
import { DialogButtons } from "@/features/common/Form";
import { formatBytes, formatMoment, shortHash } from "@/format";
import { ScaleForm } from "@/viewer/ScaleForm";
import { ScaleHistory } from "@/viewer/ScaleHistory";
import { ScaleNow } from "@/viewer/ScaleNow";
import { words } from "@/words";
import { scaleWords } from "@/words/viewer";

import { MOST_CHARACTERS, useStains } from "./stains";
import { TakeAway } from "./TakeAway";

const text = words.slides;
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
  const form = useForm({
    initialValues: { case_code: slide.case_code, stain: slide.stain, note: slide.note },
  });
  const submit = form.onSubmit((changes) =>
    change.mutate(changes, {
      onSuccess: () => {
        notifyDone(text.saved(slide.code));
        onClose();
      },
    }),
  );
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label={text.caseCode}
          maxLength={MOST_CHARACTERS.case_code}
          {...form.getInputProps("case_code")}
        />
        <Autocomplete
          label={text.stain}
          data={useStains(slide.study)}
          maxLength={MOST_CHARACTERS.stain}
          {...form.getInputProps("stain")}
        />
        <Textarea
          label={text.note}
          autosize
          minRows={2}
          maxLength={MOST_CHARACTERS.note}
          {...form.getInputProps("note")}
        />
        <DialogButtons onCancel={onClose} type="submit" loading={change.isPending} disabled={!form.isDirty()}>
          {words.common.save}
        </DialogButtons>
      </Stack>
    </form>
  );
}

/** The scale, where it is from, who changed it, and the ways to set it. */
function Scale({ slide, canChange }: { slide: Slide; canChange: boolean }) {
  const [isOpen, { open, close }] = useDisclosure();
  return (
    <Stack gap="sm">
      <Title order={3} size="h5">
        {scaleWords.title(slide.code)}
      </Title>
      {isOpen ? (
        <ScaleForm slide={slide} linePx={null} way="objective" onDone={close} />
      ) : (
        <ScaleNow slide={slide} />
      )}
      {canChange && !isOpen && (
        <Group gap="xs">
          <Button size="compact-sm" variant="default" onClick={open}>
            {scaleWords.open}
          </Button>
          <Anchor component={Link} to={paths.setScale(slide.study, slide.id)} size="sm">
            {scaleWords.drawOnSlide}
          </Anchor>
        </Group>
      )}
      <ScaleHistory slide={slide.id} />
    </Stack>
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
          {slide.state === "ready" && <Scale key={slide.mpp} slide={slide} canChange={canChange} />}
          {canChange && slide.state === "failed" && <TakeAway slide={slide} onDone={onClose} />}
        </Stack>
      )}
    </Drawer>
  );
}
