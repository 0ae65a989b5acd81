/** Names and values: where a number comes from. */

import type { ReactNode } from "react";

import classes from "./Facts.module.css";

export interface Fact {
  readonly name: string;
  readonly value: ReactNode;
  readonly title?: string;
}

export function Facts({ facts, columns = 1 }: { facts: readonly Fact[]; columns?: 1 | 2 | 3 | 4 }) {
  return (
    <dl className={classes.root} data-columns={columns}>
      {facts.map(({ name, value, title }) => (
        <div key={name} className={classes.fact}>
          <dt>{name}</dt>
          <dd title={title}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
