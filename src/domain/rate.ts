import * as v from "valibot";

/** At most N attempts in a period, of seconds, minutes or hours: 10/s, 100/m, 1000/h. */
export type RateText = `${number}/${"s" | "m" | "h"}`;

const isRate = (input: unknown): boolean =>
  typeof input === "string" && /^[1-9]\d{0,8}\/[smh]$/.test(input);

/** @internal How many attempts may start in some time: 10/s, 100/m, 1000/h. */
export const Rate: v.GenericSchema<RateText> = v.custom<RateText>(
  isRate,
  (issue) => `expected a rate such as 10/s, 100/m or 1000/h, found ${issue.received}`,
);

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };

/** @internal "10/s" as a number, and the time in ms; both null for null. */
export function rateOf(text: string | null): { count: number | null; ms: number | null } {
  if (text === null) return { count: null, ms: null };
  const [count, unit = ""] = text.split("/");
  return { count: Number(count), ms: unitMs[unit] ?? 1000 };
}

/** @internal "10/s" of a number and a time in ms; null without this limit. */
export function rateText(count: number | null, ms: number | null): string | null {
  if (count === null || ms === null) return null;
  const unit = Object.entries(unitMs).find(([, length]) => length === ms)?.[0];
  return unit === undefined ? `${count} in ${ms} ms` : `${count}/${unit}`;
}
