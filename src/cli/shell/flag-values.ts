import * as v from "valibot";

import { durationUnits } from "../../domain/duration-units.ts";
import { durationNamed, timeNamed } from "../../domain/local-time.ts";

/** A whole number on the command line, from `min` to `max`. */
export const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.transform(Number),
    v.check(
      (n) => Number.isInteger(n) && n >= min && n <= max,
      `expected a whole number from ${min} to ${max}`,
    ),
  );

/** A duration on the command line, such as 500ms, 2s, 5m or 1h, in milliseconds. */
export const duration = v.pipe(
  v.string(),
  v.regex(
    /^\d+(\.\d+)?(ms|s|m|h|d)$/,
    (issue) => `expected a duration such as 500ms, 2s or 5m, found ${issue.received}`,
  ),
  v.transform((text) => {
    const units: Readonly<Record<string, number>> = durationUnits;
    return Math.round(Number.parseFloat(text) * (units[text.replace(/[\d.]+/, "")] ?? 1));
  }),
);

/** A size on the command line, such as 512M or 2G, in bytes. */
export const byteSize = v.pipe(
  v.string(),
  v.regex(
    /^\d+(\.\d+)?[KMGT]?$/,
    (issue) => `expected a size such as 512M or 2G, found ${issue.received}`,
  ),
  v.transform((text) => {
    const units: Record<string, number> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
    return Math.round(Number.parseFloat(text) * (units[text.at(-1) ?? ""] ?? 1));
  }),
);

/** A time on the command line, in this machine's time zone unless it has an offset. */
export const localMoment = v.pipe(
  v.string(),
  v.transform((text) => timeNamed(text, new Date()) ?? ""),
  v.check(
    (text) => text !== "",
    "expected a time such as +1h, 02:00, tomorrow 02:00, 2026-01-01 or 2026-01-01T02:00:00Z",
  ),
  v.transform((text) => new Date(text).toISOString()),
);

/** The same, or a duration such as 6h in milliseconds, which the database adds to its time. */
export const momentOrDuration = v.lazy((text) =>
  typeof text === "string" && durationNamed(text) !== null
    ? v.pipe(
        v.string(),
        v.transform((text) => Math.round(durationNamed(text) ?? 0)),
      )
    : localMoment,
);
