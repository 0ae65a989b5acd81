/** Which slides are chosen; they stay chosen when the list shows others. */

import { useState } from "react";

import { useSlideNames, type SlideFilter } from "@/api/slides";
import type { Id, SlideName } from "@/api/types";

export interface Selection {
  readonly chosen: ReadonlyMap<Id, SlideName>;
  readonly isAsking: boolean;
  readonly toggle: (slide: SlideName, index: number) => void;
  /** From the slide that was chosen last to this one, the unseen ones between them too. */
  readonly chooseTo: (slide: SlideName, index: number) => void;
  readonly chooseAll: () => void;
  readonly drop: (slides?: readonly Id[]) => void;
}

const nameOf = ({ id, code, case_code, state }: SlideName): SlideName => ({ id, code, case_code, state });

export function useSelection(study: Id, filter: SlideFilter): Selection {
  const names = useSlideNames(study);
  const [chosen, setChosen] = useState<ReadonlyMap<Id, SlideName>>(new Map());
  const [last, setLast] = useState<number | null>(null);
  const add = (slides: readonly SlideName[]): void =>
    setChosen((before) => new Map([...before, ...slides.map((one) => [one.id, nameOf(one)] as const)]));
  const drop = (slides?: readonly Id[]): void =>
    setChosen((before) =>
      slides ? new Map([...before].filter(([id]) => !slides.includes(id))) : new Map<Id, SlideName>(),
    );
  const toggle = (slide: SlideName, index: number): void => {
    setLast(index);
    if (chosen.has(slide.id)) drop([slide.id]);
    else add([slide]);
  };
  const chooseTo = (slide: SlideName, index: number): void => {
    if (last === null) return toggle(slide, index);
    const [from, to] = [Math.min(last, index), Math.max(last, index)];
    setLast(index);
    names.mutate(filter, { onSuccess: (all) => add(all.slice(from, to + 1)) });
  };
  const chooseAll = (): void => names.mutate(filter, { onSuccess: add });
  return { chosen, isAsking: names.isPending, toggle, chooseTo, chooseAll, drop };
}
