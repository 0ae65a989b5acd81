/** Lines over training steps or over a share, drawn by uPlot in the colours of the theme. */

import "uplot/dist/uPlot.min.css";

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";

import classes from "./Chart.module.css";

export interface Line {
  readonly name: string;
  /** Name of a CSS variable. */
  readonly colour: string;
  readonly dash?: number[];
  /** Thin lines stay in the background. */
  readonly isThin?: boolean;
  /** A single place is marked by a dot. */
  readonly isDot?: boolean;
  readonly values: readonly (number | null)[];
}

interface Props {
  title: string;
  label: string;
  /** Along the lower axis, rising. */
  steps: readonly number[];
  lines: readonly Line[];
  format: (value: number) => string;
  /** Range of the upright axis. */
  range: readonly [number, number];
  /** Range of the lower axis; by default that of the steps. */
  stepRange?: readonly [number, number];
  formatStep?: (value: number) => string;
  /** What the legend says beside a line's name in place of its last value; it names these lines only. */
  notes?: Readonly<Record<string, string>>;
}

const HEIGHT_PX = 216;
const AXIS_PX = 52;
const FONT = '11px system-ui, "Segoe UI", Roboto, sans-serif';

const lastOf = (values: Line["values"]): number | null => values.findLast((value) => value !== null) ?? null;

/** A single value makes no line, so it is shown as a dot until the next one comes. */
const isAlone = ({ data }: uPlot, series: number): boolean =>
  (data[series] ?? []).filter((value) => typeof value === "number").length === 1;

function resolved(element: HTMLElement, variable: string): string {
  return getComputedStyle(element).getPropertyValue(variable).trim();
}

function optionsFor(element: HTMLElement, latest: () => Props): uPlot.Options {
  const { lines, format, stepRange, formatStep = String } = latest();
  const axis: uPlot.Axis = {
    stroke: resolved(element, "--ink-soft"),
    font: FONT,
    grid: { stroke: resolved(element, "--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: {
      x: { time: false, ...(stepRange ? { range: [...stepRange] as [number, number] } : {}) },
      y: { range: () => [...latest().range] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        grid: { show: false },
        values: (_plot, ticks) => ticks.map((tick) => formatStep(tick)),
        space: 60,
      },
      { ...axis, size: AXIS_PX, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour, dash, isThin, isDot }): uPlot.Series => {
        const stroke = resolved(element, colour);
        const points = { show: isDot ? true : isAlone, size: isDot ? 11 : 7, fill: stroke };
        return { label: name, stroke, width: isThin ? 1 : 2, dash, spanGaps: true, points };
      }),
    ],
  };
}

function Legend({ lines, format, notes }: Pick<Props, "lines" | "format" | "notes">) {
  return (
    <ul className={classes.legend}>
      {lines
        .filter(({ name }) => !notes || name in notes)
        .map((line) => {
          const last = lastOf(line.values);
          return (
            <li key={line.name}>
              <svg width="16" height="4" aria-hidden="true">
                <line
                  x1="0"
                  x2="16"
                  y1="2"
                  y2="2"
                  strokeWidth="3"
                  strokeDasharray={line.dash?.map((part) => part / 1.6).join(" ")}
                  stroke={`var(${line.colour})`}
                />
              </svg>
              {line.name}
              <strong>{notes ? notes[line.name] : last === null ? "–" : format(last)}</strong>
            </li>
          );
        })}
    </ul>
  );
}

export function Chart(props: Props) {
  const { title, label, steps, lines, format } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  const scheme = useComputedColorScheme("light");
  const data = useMemo(
    () => [[...steps], ...lines.map(({ values }) => [...values])] as unknown as uPlot.AlignedData,
    [steps, lines],
  );
  const latestData = useRef(data);

  useEffect(() => {
    latest.current = props;
    latestData.current = data;
    plot.current?.setData(data);
  });

  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const made = new uPlot(
      optionsFor(element, () => latest.current),
      latestData.current,
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [scheme]);

  return (
    <figure className={classes.root}>
      <figcaption className={classes.caption}>
        <span>{title}</span>
        <Legend lines={lines} format={format} notes={props.notes} />
      </figcaption>
      <div ref={holder} className={classes.plot} role="img" aria-label={label} />
    </figure>
  );
}
