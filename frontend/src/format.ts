/** Numbers, sizes, times and dates as people read them. */

const LOCALE = "en";
const NARROW_SPACE = "\u202f";

const counts = new Intl.NumberFormat(LOCALE);
const dates = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const moments = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export const formatCount = (value: number): string => counts.format(value);

/** A share between 0 and 1 as percent, one decimal. */
export function formatShare(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)}${NARROW_SPACE}%`;
}

export function formatNumber(value: number, digits = 2): string {
  return new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(value);
}

/** A threshold: always two decimals, so that columns line up. */
export const formatThreshold = (value: number): string => value.toFixed(2);

/** A density: three figures are all that a count supports. */
export function formatDensity(value: number): string {
  return new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 }).format(value);
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? "B"}`;
}

/** A span of time: "8 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${Math.floor(minutes / 60)} h`;
}

export const formatDate = (iso: string): string => dates.format(new Date(iso));
export const formatMoment = (iso: string): string => moments.format(new Date(iso));

/** Seconds between two moments of the server; to now where the second is missing. */
export function secondsBetween(start: string, end: string | null): number {
  return ((end ? Date.parse(end) : Date.now()) - Date.parse(start)) / 1000;
}

/** The start of a hash: enough to tell two apart, with the whole in a title. */
export const shortHash = (hash: string): string => hash.slice(0, 12);
