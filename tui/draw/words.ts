/** `1,234`, and from a million on `1.23M`: seven columns at most, up to a thousand billion. */
export function count(value: number): string {
  if (value < 999_999.5) return Math.round(value).toLocaleString("en");
  if (value < 999.5e6) return `${(value / 1e6).toPrecision(3)}M`;
  return value < 999.5e9 ? `${(value / 1e9).toPrecision(3)}G` : `${(value / 1e12).toPrecision(3)}T`;
}

/** `0.42`, `7.1`, `1,234`: jobs in a second. */
export const rate = (perSecond: number): string =>
  perSecond >= 10 || perSecond === 0 ? count(perSecond) : perSecond.toFixed(perSecond < 1 ? 2 : 1);

/** `45ms`, `1.5s`, `12s`, `3m`, `2h05m`, `4d`: a duration. */
export function span(ms: number): string {
  const time = Math.max(0, ms);
  if (time > 0 && time < 0.95) return `${time.toFixed(1)}ms`;
  if (time < 999.5) return `${Math.round(time)}ms`;
  if (time < 9_950) return `${(time / 1_000).toFixed(1)}s`;
  if (time < 99_500) return `${Math.round(time / 1_000)}s`;
  const minutes = Math.round(time / 60_000);
  if (minutes < 100) return `${minutes}m`;
  if (minutes < 2_880)
    return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
  const days = Math.floor(minutes / 1_440);
  return days < 1_000 ? `${days}d` : `${count(Math.floor(days / 365))}y`;
}

/** `5s`, `3m`, `2h05m`, `4d`: a duration without milliseconds. */
export const time = (ms: number): string =>
  ms < 9_950 ? `${Math.floor(Math.max(0, ms) / 1_000)}s` : span(ms);

/** `5s ago`. */
export const ago = (ms: number): string => (ms < 1_000 ? "now" : `${time(ms)} ago`);

/** `512B`, `8.0K`, `1.2M`. */
export function bytes(value: number): string {
  const units = ["B", "K", "M", "G", "T", "P"];
  let [left, unit] = [value, 0];
  while (left >= 1_000 && unit < units.length - 1) {
    left /= 1_024;
    unit += 1;
  }
  return unit === 0 ? `${left}B` : `${left.toFixed(left < 9.95 ? 1 : 0)}${units[unit]}`;
}

export const plural = (n: number, noun: string): string =>
  `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** `12:03:59 UTC`. */
export const clock = (at: Date): string => `${at.toISOString().slice(11, 19)} UTC`;

/** `2026-12-31 02:00 UTC`. */
export const day = (at: Date): string => `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** `2026-12-31 02:00:05 UTC`. */
export const moment = (at: Date): string => `${at.toISOString().slice(0, 10)} ${clock(at)}`;
