const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const later = /^\+(\d+(\.\d+)?(ms|s|m|h|d))+$/;
const day = "(today|tomorrow)|(\\d{4}-\\d\\d-\\d\\d)";
const clock = "\\d?\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?";
const named = new RegExp(`^(?:${day})?(?:(?:^|[T ])(${clock}))?(Z|[+-]\\d\\d:\\d\\d)?$`, "i");

/**
 * The time that a text means, as ISO 8601, without an offset if it is local time: +1h30m, 02:00
 * (the next one), today 18:00, tomorrow, tomorrow 02:00, 2026-12-01, 2026-12-01 02:00 or with an
 * offset. Null for any other text.
 */
export function timeNamed(text: string, now: Date): string | null {
  if (later.test(text)) return new Date(now.getTime() + durationOf(text)).toISOString();
  const [, word, date, time, offset] = named.exec(text) ?? [];
  const at = `T${time === undefined ? "00:00" : time.replace(/^\d:/, "0$&")}`;
  const hasDay = word !== undefined || date !== undefined;
  if (time === undefined && !hasDay) return null;
  if (offset !== undefined && (date === undefined || time === undefined)) return null;
  if (date !== undefined) return existing(`${date}${at}${offset ?? ""}`);
  if (word !== undefined) {
    return existing(dayAfter(now, word.toLowerCase() === "today" ? 0 : 1) + at);
  }
  const today = existing(dayAfter(now, 0) + at);
  return today !== null && new Date(today) >= now ? today : existing(dayAfter(now, 1) + at);
}

/** A moment in local time, to the second, as 2026-12-01 02:00:00. */
export function localText(date: Date): string {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${dayAfter(date, 0)} ${time}`;
}

/** The milliseconds of a duration such as 6h, +6h or 1h30m; null for any other text. */
export const durationNamed = (text: string): number | null =>
  later.test(text.startsWith("+") ? text : `+${text}`) ? durationOf(text) : null;

function durationOf(text: string): number {
  let ms = 0;
  for (const [, amount = "", unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    ms += Number(amount) * (units[unit] ?? 1);
  }
  return ms;
}

const existing = (text: string): string | null => (Number.isNaN(Date.parse(text)) ? null : text);

/** The local date some days after another, as 2026-12-01. */
function dayAfter(now: Date, days: number): string {
  const date = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

const two = (number: number) => String(number).padStart(2, "0");
