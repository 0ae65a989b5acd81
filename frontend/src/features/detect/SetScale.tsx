/** Small dialog that says what a pixel of the slide measures. */

import { Button, Group, Modal, NumberInput, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { useChangeSlide } from "@/api/slides";
import type { Slide } from "@/api/types";
import { detectWords as words } from "@/words/viewer";

interface SetScaleProps {
  readonly slide: Slide;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

type Entry = number | string;

const isSensible = (mpp: number): boolean => mpp >= 0.01 && mpp <= 20;

/** µm per pixel from a length that is known in both; null while one is missing. */
export function mppFrom(lengthUm: Entry, lengthPx: Entry): number | null {
  const [um, px] = [Number(lengthUm), Number(lengthPx)];
  return um > 0 && px > 0 ? Number((um / px).toPrecision(5)) : null;
}

export function SetScale({ slide, isOpen, onClose }: SetScaleProps) {
  const [mpp, setMpp] = useState<Entry>(slide.mpp ?? "");
  const [length, setLength] = useState<{ um: Entry; px: Entry }>({ um: "", px: "" });
  const change = useChangeSlide(slide);
  const client = useQueryClient();
  const measure = (next: { um: Entry; px: Entry }): void => {
    setLength(next);
    const found = mppFrom(next.um, next.px);
    if (found !== null) setMpp(found);
  };
  const save = (): void =>
    change.mutate(
      { mpp: Number(mpp) },
      {
        onSuccess: () => {
          void client.invalidateQueries({ queryKey: ["detection-runs", slide.study] });
          onClose();
        },
      },
    );
  const isWrong = mpp !== "" && !isSensible(Number(mpp));
  return (
    <Modal opened={isOpen} onClose={onClose} title={words.scaleTitle(slide.code)} size="sm">
      <NumberInput
        label={words.scaleField}
        description={words.scaleHint}
        error={isWrong ? words.scaleWrong : undefined}
        value={mpp}
        onChange={setMpp}
        decimalScale={5}
        step={0.01}
        min={0}
        data-autofocus
      />
      <Text size="sm" fw={500} mt="md" mb={4}>
        {words.scaleKnown}
      </Text>
      <Group grow>
        <NumberInput
          label={words.scaleLength}
          value={length.um}
          min={0}
          onChange={(um) => measure({ ...length, um })}
        />
        <NumberInput
          label={words.scalePixels}
          value={length.px}
          min={0}
          onChange={(px) => measure({ ...length, px })}
        />
      </Group>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose}>
          {words.close}
        </Button>
        <Button onClick={save} loading={change.isPending} disabled={!isSensible(Number(mpp))}>
          {words.save}
        </Button>
      </Group>
    </Modal>
  );
}
