/** Which slides are listed and in which order: kept in the address, so that a link or a reload shows the same. */

import { useSearchParams } from "react-router";

import type { SlideFilter } from "@/api/slides";
import { words } from "@/words";

const text = words.slides;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

type Check = (value: string) => boolean;

const isAny: Check = () => true;
const isDay: Check = (value) => DAY.test(value) && !Number.isNaN(Date.parse(value));
const isOneOf =
  (names: object): Check =>
  (value) =>
    Object.hasOwn(names, value);

/** What stands in the address, and whether it makes sense there; what does not is passed over. */
const CHECKS = {
  search: isAny,
  state: isOneOf(text.states),
  case: isAny,
  stain: isAny,
  missing: isOneOf(text.missing),
  by: (value: string) => /^[1-9]\d{0,8}$/.test(value),
  from: isDay,
  to: isDay,
  sort: isOneOf(text.orders),
} as const satisfies Record<string, Check>;

type Key = keyof typeof CHECKS;
/** An empty text stands for no choice. */
export type View = Readonly<Record<Key, string>>;
const KEYS = Object.keys(CHECKS) as Key[];
export const USUAL_SORT = "number";

export function readView(address: URLSearchParams): View {
  const one = (key: Key): string => {
    const value = address.get(key) ?? "";
    return CHECKS[key](value) ? value : "";
  };
  return Object.fromEntries(KEYS.map((key) => [key, one(key)])) as View;
}

export const isFiltered = (view: View): boolean => KEYS.some((key) => key !== "sort" && view[key] !== "");

/** The start of a day where the reader is, some days later. */
function dayStart(day: string, later: number): string | undefined {
  if (!day) return undefined;
  const start = new Date(`${day}T00:00`);
  start.setDate(start.getDate() + later);
  return start.toISOString();
}

/** The view as the server filters: days become moments of the reader's time zone. */
export function filterOf(view: View): SlideFilter {
  const wanted = {
    search: view.search,
    state: view.state,
    case_code: view.case,
    stain: view.stain,
    missing: view.missing,
    uploaded_by: view.by,
    uploaded_from: dayStart(view.from, 0),
    uploaded_before: dayStart(view.to, 1),
    ordering: view.sort || USUAL_SORT,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
}

export interface ViewControl {
  readonly view: View;
  readonly change: (part: Partial<View>) => void;
  readonly clear: () => void;
}

const NOTHING = Object.fromEntries(KEYS.filter((key) => key !== "sort").map((key) => [key, ""]));

export function useView(): ViewControl {
  const [address, setAddress] = useSearchParams();
  const change = (part: Partial<View>): void =>
    setAddress(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [key, value] of Object.entries(part)) {
          if (value) next.set(key, value);
          else next.delete(key);
        }
        return next;
      },
      { replace: true },
    );
  return { view: readView(address), change, clear: () => change(NOTHING) };
}
