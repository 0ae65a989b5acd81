/** Parts that forms share: one of several cards, settings that most people leave alone, a seed, the buttons below. */

import {
  Button,
  Collapse,
  Group,
  NumberInput,
  Radio,
  Stack,
  UnstyledButton,
  type ButtonProps,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown } from "@tabler/icons-react";
import type { ComponentPropsWithoutRef, ReactNode } from "react";

import { words } from "@/words";

import classes from "./Form.module.css";

interface CardChoiceProps<Value extends string> {
  label: string;
  value: Value;
  onChange: (value: Value) => void;
  cards: readonly { value: Value; name: string; text: string }[];
}

export function CardChoice<Value extends string>({ label, value, onChange, cards }: CardChoiceProps<Value>) {
  return (
    <Radio.Group label={label} value={value} onChange={(chosen) => onChange(chosen as Value)}>
      <Stack gap={8} mt={8}>
        {cards.map((card) => (
          <Radio.Card key={card.value} value={card.value} className={classes.card}>
            <Radio.Indicator />
            <span>
              <strong>{card.name}</strong>
              <span className={classes.fine}>{card.text}</span>
            </span>
          </Radio.Card>
        ))}
      </Stack>
    </Radio.Group>
  );
}

export function Advanced({ label, children }: { label: string; children: ReactNode }) {
  const [isOpen, { toggle }] = useDisclosure();
  return (
    <div>
      <UnstyledButton onClick={toggle} aria-expanded={isOpen} className={classes.more}>
        <IconChevronDown size={15} data-open={isOpen || undefined} aria-hidden="true" />
        {label}
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        <Stack gap="sm" pt="xs">
          {children}
        </Stack>
      </Collapse>
    </div>
  );
}

interface SeedProps {
  label: string;
  description: string;
  seed: number;
  onChange: (seed: number) => void;
}

export function SeedInput({ label, description, seed, onChange }: SeedProps) {
  return (
    <NumberInput
      label={label}
      description={description}
      min={0}
      max={2 ** 31 - 1}
      allowDecimal={false}
      value={seed}
      onChange={(value) => onChange(Number(value) || 0)}
    />
  );
}

type DialogButtonsProps = ButtonProps & ComponentPropsWithoutRef<"button"> & { onCancel: () => void };

/** Below a dialog: the way out, and the button that does it. */
export function DialogButtons({ onCancel, ...button }: DialogButtonsProps) {
  return (
    <Group justify="flex-end">
      <Button variant="default" onClick={onCancel}>
        {words.common.cancel}
      </Button>
      <Button {...button} />
    </Group>
  );
}
