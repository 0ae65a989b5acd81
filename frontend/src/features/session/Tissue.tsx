/** A quiet picture of stained tissue, drawn from a seed: what this product looks at. */

import classes from "./Tissue.module.css";

const WIDTH = 900;
const HEIGHT = 1100;
const CELLS = 210;
const SMALLEST_GAP = 17;

interface Cell {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  readonly squeeze: number;
  readonly turn: number;
  readonly isPositive: boolean;
}

/** A small generator of numbers in [0, 1); the same seed gives the same picture (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function drawCells(): Cell[] {
  const next = generator(11);
  const cells: Cell[] = [];
  for (let attempt = 0; attempt < CELLS * 12 && cells.length < CELLS; attempt += 1) {
    const isPositive = next() < 0.24;
    const r = isPositive ? 13 + 3 * next() : 14 + 11 * next();
    const cell = {
      x: next() * WIDTH,
      y: next() * HEIGHT,
      r,
      squeeze: isPositive ? 0.92 : 0.55 + 0.4 * next(),
      turn: 180 * next(),
      isPositive,
    };
    if (cells.every((other) => Math.hypot(other.x - cell.x, other.y - cell.y) > other.r + r + SMALLEST_GAP)) {
      cells.push(cell);
    }
  }
  return cells;
}

const cells = drawCells();
const framed = cells
  .filter((cell) => cell.isPositive)
  .sort((a, b) => Math.hypot(a.x - 520, a.y - 470) - Math.hypot(b.x - 520, b.y - 470))[0];

export function Tissue() {
  return (
    <svg
      className={classes.root}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      {cells.map((cell) => (
        <g key={`${cell.x}-${cell.y}`} transform={`translate(${cell.x} ${cell.y}) rotate(${cell.turn})`}>
          <ellipse rx={cell.r} ry={cell.r * cell.squeeze} className={classes.nucleus} />
          {cell.isPositive && (
            <ellipse rx={cell.r + 4} ry={(cell.r + 4) * cell.squeeze} className={classes.ring} />
          )}
        </g>
      ))}
      {framed && (
        <g transform={`translate(${framed.x} ${framed.y})`} className={classes.frame}>
          <rect x="-35" y="-35" width="70" height="70" rx="3" />
          <path d="M0-48v-9M0 48v9M-48 0h-9M48 0h9" />
        </g>
      )}
    </svg>
  );
}
