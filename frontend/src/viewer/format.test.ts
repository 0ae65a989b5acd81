import { describe, expect, it } from "vitest";

import { areaMm2, percent, three, timeLeft } from "./format";

describe("formats", () => {
  it.each([
    [0.01234, "0.0123"],
    [1.234, "1.23"],
    [12.34, "12.3"],
    [999.9, "1,000"],
    [12_345, "12,300"],
  ])("%d has three digits: %s", (value, text) => expect(three(value)).toBe(text));

  it.each([
    [0, "0.0 %"],
    [0.0004, "less than 0.1 %"],
    [0.123, "12.3 %"],
  ])("a share of %d is %s", (share, text) => expect(percent(share)).toBe(text));

  it.each([
    [0.2, "1 s"],
    [59, "59 s"],
    [150, "3 min"],
    [5400, "1 h 30 min"],
  ])("%d s are %s", (seconds, text) => expect(timeLeft(seconds)).toBe(text));

  it("turns pixels into mm²", () => {
    expect(areaMm2(4_000_000, 0.5)).toBeCloseTo(1, 9);
  });
});
