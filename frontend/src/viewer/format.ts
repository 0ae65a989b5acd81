/** Numbers, areas, times and dates as people read them. */

const LOCALE = "en-GB";

export const whole = (value: number): string => Math.round(value).toLocaleString(LOCALE);

/** Three significant digits, never in exponents: 0.0123, 1.23, 12.3, 1,230. */
export function three(value: number): string {
  if (value >= 1000) return whole(Number(value.toPrecision(3)));
  return Number(value.toPrecision(3)).toLocaleString(LOCALE, { maximumSignificantDigits: 3 });
}

/** A share as per cent; what is above nothing is never shown as 0 %. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  return `${value.toFixed(1)} %`;
}

export function timeLeft(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const threshold = (value: number): string => value.toFixed(2);

export const moment = (iso: string): string =>
  new Date(iso).toLocaleString(LOCALE, { dateStyle: "medium", timeStyle: "short" });

const UM2_PER_MM2 = 1e6;

/** Area in mm² of an area in level-0 pixels. */
export const areaMm2 = (areaPx: number, mpp: number): number => (areaPx * mpp * mpp) / UM2_PER_MM2;
