import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it } from "vitest";

import { changesOf, paramsOf, USUAL_CHOICE, type CountChoice } from "./choice";
import { CountOptions } from "./CountOptions";

let choice: CountChoice = USUAL_CHOICE;

function Form({ start }: { readonly start: CountChoice }) {
  const [value, setValue] = useState(start);
  const change = (next: CountChoice): void => {
    choice = next;
    setValue(next);
  };
  return <CountOptions choice={value} onChange={change} />;
}

async function open(start: CountChoice = USUAL_CHOICE) {
  choice = start;
  render(
    <MantineProvider env="test">
      <Form start={start} />
    </MantineProvider>,
  );
  const user = userEvent.setup();
  const button = screen.getByRole("button", { name: /^Options/ });
  expect(button).toHaveAttribute("aria-expanded", "false");
  await user.click(button);
  await screen.findByRole("radio", { name: "8 px" });
  return { user, button };
}

describe("the options of a count", () => {
  it("are closed at first and stand at what is usual", async () => {
    const { button } = await open();
    expect(button).toHaveAttribute("aria-expanded", "true");
    for (const name of ["8 px", "Quick"]) expect(screen.getByRole("radio", { name })).toBeChecked();
    const autos = screen.getAllByRole("radio", { name: "Auto" });
    expect(autos).toHaveLength(2);
    for (const auto of autos) expect(auto).toBeChecked();
    for (const name of [/not stained/, /glass/]) expect(screen.getByRole("switch", { name })).toBeChecked();
    expect(paramsOf(choice)).toBeUndefined();
  });

  it("say what each step costs, and what was changed while they are closed", async () => {
    const { user, button } = await open();
    await user.click(screen.getByRole("radio", { name: "4 px" }));
    expect(screen.getByText(/about 4 × the head's work/)).toBeInTheDocument();
    await user.click(screen.getByRole("radio", { name: "Full" }));
    expect(button).toHaveAccessibleName("Options: every 4 px, full head");
    expect(paramsOf(choice)).toEqual({ stride_px: 4, head: "full" });
  });

  it("go by the keyboard", async () => {
    const { user, button } = await open();
    button.focus();
    await user.tab();
    expect(screen.getByRole("radio", { name: "8 px" })).toHaveFocus();
    await user.keyboard("{ArrowRight}");
    expect(choice.stride_px).toBe(4);
    await user.tab();
    await user.keyboard("{ArrowRight}");
    expect(choice.head).toBe("full");
    await user.tab();
    await user.keyboard("{ArrowRight}");
    expect(choice.precision).toBe("fp32");
    await user.tab();
    await user.keyboard("{ArrowRight}");
    expect(choice.engine).toBe("openvino");
    await user.tab();
    await user.keyboard(" ");
    expect(choice.gate).toBe(false);
  });

  it("tell that the gate of glass goes with that of the stain, and bring it back with it", async () => {
    const { user } = await open();
    const glass = screen.getByRole("switch", { name: /glass/ });
    await user.click(screen.getByRole("switch", { name: /not stained/ }));
    expect(glass).toBeDisabled();
    expect(glass).not.toBeChecked();
    expect(screen.getByText("Goes with the stain gate.")).toBeInTheDocument();
    expect(paramsOf(choice)).toEqual({ gate: false });
    await user.click(screen.getByRole("switch", { name: /not stained/ }));
    expect(glass).toBeChecked();
    await user.click(glass);
    expect(paramsOf(choice)).toEqual({ tissue_gate: false });
  });
});

describe("changes in words", () => {
  it("name every one, and nothing that is usual", () => {
    expect(changesOf(USUAL_CHOICE)).toEqual([]);
    expect(
      changesOf({
        stride_px: 1,
        head: "full",
        precision: "bf16",
        engine: "torch",
        gate: false,
        tissue_gate: false,
      }),
    ).toEqual(["every pixel", "full head", "16 bit", "PyTorch", "stain gate off", "tissue gate off"]);
  });
});
