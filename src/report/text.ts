// Numbers, durations and moments as a report writes them.

/** 1,234,567; a half as 0.5. */
export const numberText = (n: number): string =>
  n.toLocaleString("en", { maximumFractionDigits: Math.abs(n) < 10 ? 1 : 0 });

/** "1 job", "1,200 jobs". */
export const counted = (n: number, word: string): string =>
  `${numberText(n)} ${word}${n === 1 ? "" : "s"}`;

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000] as const;

/** A duration with three digits and its unit: 120 µs, 1.24 s, 3 min 20 s, 2 h 05 min, 3 d 4 h. */
export function durationText(ms: number): string {
  if (ms <= 0) return "0 s";
  if (ms < 0.9995) return `${digits(ms * 1_000)} µs`;
  if (ms < 999.5) return `${digits(ms)} ms`;
  if (ms < 59.95 * second) return `${digits(ms / second)} s`;
  if (ms < hour - 500) return twoUnits(ms, minute, "min", second, "s");
  return ms < day - 30_000
    ? twoUnits(ms, hour, "h", minute, "min")
    : twoUnits(ms, day, "d", hour, "h");
}

/** 0.12, 1.23, 12.3, 123. */
const digits = (n: number): string => {
  const places = n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
  return n
    .toFixed(places)
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
};

function twoUnits(ms: number, large: number, one: string, small: number, two: string): string {
  const all = Math.round(ms / small);
  const each = large / small;
  const [whole, rest] = [Math.floor(all / each), all % each];
  return rest === 0 ? `${whole} ${one}` : `${whole} ${one} ${rest} ${two}`;
}

/** A sum of work: 340 s, 5.2 min, 14.3 h, 3.1 years. */
export function workText(ms: number): string {
  const units = [
    { from: 2 * 365 * day, size: 365 * day, unit: "years" },
    { from: 2 * day, size: day, unit: "days" },
    { from: hour, size: hour, unit: "h" },
    { from: 2 * minute, size: minute, unit: "min" },
  ];
  const found = units.find(({ from }) => ms >= from);
  if (found) return `${digits(ms / found.size)} ${found.unit}`;
  return durationText(ms);
}

/** An amount of memory or of data: 512 B, 4.5 KiB, 1.2 GiB, as `--needs mem=` counts. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let [left, unit] = [bytes, 0];
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1_024;
    unit += 1;
  }
  return `${digits(left)} ${units[unit]}`;
}

/** 87 %, 0.3 %; never 100 % or 0 % for a part. */
export function percentText(part: number, whole: number): string {
  if (whole === 0) return "–";
  const percent = (100 * part) / whole;
  if (part > 0 && percent < 0.1) return "< 0.1 %";
  if (part < whole && percent > 99.9) return "> 99.9 %";
  return `${percent < 10 && part > 0 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** A pace per second, minute or hour: 1,200/s, 3.4/min. */
export function paceText(perSecond: number): string {
  if (perSecond >= 0.5) return `${numberText(perSecond)}/s`;
  if (perSecond >= 0.5 / 60) return `${numberText(perSecond * 60)}/min`;
  return `${numberText(perSecond * 3_600)}/h`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** The local date: 2026-11-30. */
export const dateText = (at: Date): string =>
  `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

/** The local time: 02:15, with seconds 02:15:07. */
export const timeText = (at: Date, hasSeconds: boolean): string =>
  `${two(at.getHours())}:${two(at.getMinutes())}${hasSeconds ? `:${two(at.getSeconds())}` : ""}`;

/** The local date and time: 2026-11-30 02:15:07. */
export const momentText = (at: Date): string => `${dateText(at)} ${timeText(at, true)}`;

/** The offset of local time: UTC+01:00. */
export function zoneText(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const size = Math.abs(minutes);
  const sign = minutes < 0 ? "−" : "+";
  return minutes === 0 ? "UTC" : `UTC${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** Text cut to a number of characters, with an ellipsis. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
