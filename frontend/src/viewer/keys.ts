/** Keys of a page: pressed anywhere but in a field, a dialog or a control that uses them itself. */

import { useEffect, useRef } from "react";

/** From a combination such as "ctrl+shift+z", "shift+arrowleft", "1" or "?" to what it does. */
export type KeyMap = Readonly<Record<string, (() => void) | undefined>>;

const FIELDS =
  "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true], [role=dialog]";
const ARROW_USERS = "[role=slider], [role=radio], [role=tab], [role=option], input[type=radio]";
const PRESSABLE = "button, a[href], [role=button], input[type=checkbox]";

/** The name of what was pressed. Shift counts for letters and arrows only: "?" needs it on many keyboards. */
export function combinationOf(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">,
): string {
  const key = event.key.toLowerCase();
  const isNamed = key.length > 1 || (key >= "a" && key <= "z");
  const parts = [
    event.ctrlKey || event.metaKey ? "ctrl" : "",
    event.altKey ? "alt" : "",
    event.shiftKey && isNamed ? "shift" : "",
    key,
  ];
  return parts.filter(Boolean).join("+");
}

function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || !(event.target instanceof Element)) return event.defaultPrevented;
  const { target, key } = event;
  if (target.closest(FIELDS)) return true;
  if (key.startsWith("Arrow")) return target.closest(ARROW_USERS) !== null;
  return (key === "Enter" || key === " ") && target.closest(PRESSABLE) !== null;
}

export function useKeys(keys: KeyMap): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const action = latest.current[combinationOf(event)];
      if (!action || isTaken(event)) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}
