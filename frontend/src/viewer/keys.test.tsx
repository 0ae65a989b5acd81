import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";

import { combinationOf, useKeys, type KeyMap } from "./keys";

const pressed = (
  key: string,
  held: Partial<Record<"ctrlKey" | "metaKey" | "altKey" | "shiftKey", boolean>> = {},
) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
});

function Page({ keys }: { keys: KeyMap }) {
  useKeys(keys);
  return (
    <>
      <input aria-label="note" />
      <button type="button">go</button>
    </>
  );
}

describe("combinations", () => {
  it.each([
    [pressed("z", { ctrlKey: true }), "ctrl+z"],
    [pressed("Z", { ctrlKey: true, shiftKey: true }), "ctrl+shift+z"],
    [pressed("z", { metaKey: true }), "ctrl+z"],
    [pressed("ArrowLeft", { shiftKey: true }), "shift+arrowleft"],
    [pressed("?", { shiftKey: true }), "?"],
    [pressed("+", { shiftKey: true }), "+"],
    [pressed("1"), "1"],
    [pressed("Delete"), "delete"],
  ])("%o is %s", (event, name) => expect(combinationOf(event)).toBe(name));
});

describe("keys", () => {
  it("work anywhere but in a field", async () => {
    const user = userEvent.setup();
    const onOne = vi.fn();
    const { getByLabelText } = render(<Page keys={{ "1": onOne }} />);
    await user.keyboard("1");
    expect(onOne).toHaveBeenCalledTimes(1);
    await user.type(getByLabelText("note"), "1");
    expect(onOne).toHaveBeenCalledTimes(1);
  });

  it("leave Enter to the button that has the focus", async () => {
    const user = userEvent.setup();
    const onEnter = vi.fn();
    const { getByRole } = render(<Page keys={{ enter: onEnter }} />);
    getByRole("button").focus();
    await user.keyboard("{Enter}");
    expect(onEnter).not.toHaveBeenCalled();
  });
});
