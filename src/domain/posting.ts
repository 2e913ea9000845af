import * as v from "valibot";

const Int32 = v.pipe(
  v.number("expected a whole number"),
  v.integer((issue) => `expected a whole number, found ${issue.received}`),
  v.minValue(-(2 ** 31), "expected a number of 32 bits, found a smaller one"),
  v.maxValue(2 ** 31 - 1, "expected a number of 32 bits, found a larger one"),
);

/** @internal Higher runs first; 32 bits, default 0. */
export const Priority = Int32;

/** A duration in whole milliseconds, at most `years` years. */
const milliseconds = (least: number, years = 1) =>
  v.pipe(
    v.number("expected a number of milliseconds"),
    v.integer("expected whole milliseconds"),
    v.minValue(least, (issue) => `expected ${least} ms or more, found ${issue.received}`),
    v.maxValue(
      years * 31_536_000_000,
      (issue) =>
        `expected ${years === 1 ? "a year" : `${years} years`} at most, found ${issue.received} ms`,
    ),
  );

const momentText = 'expected a Date, or a moment with its zone such as "2026-01-01T02:00:00Z"';

const isoOf = (date: Date) => (Number.isNaN(date.getTime()) ? "" : date.toISOString());

/** A Date, or text as ISO 8601 has it, with its zone: as such text in UTC. */
const Moment = v.pipe(
  v.union([v.date(momentText), v.string()], momentText),
  v.check(
    (moment) =>
      typeof moment !== "string" ||
      /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(moment),
    momentText,
  ),
  v.transform((moment) => new Date(moment)),
  // Of four-digit years, as the database reads them.
  v.check((date) => /^\d{4}-/.test(isoOf(date)), momentText),
  v.transform(isoOf),
);

/** @internal How many attempts may start in some time: 10/s, 100/m, 1000/h. */
export const Rate = v.pipe(
  v.string("expected a rate such as 10/s, 100/m or 1000/h"),
  v.regex(
    /^[1-9]\d{0,8}\/[smh]$/,
    (issue) => `expected a rate such as 10/s, 100/m or 1000/h, found ${issue.received}`,
  ),
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

/** @internal */
export type KeepsOutput = PostingOptions["keepsOutput"];

/** @internal What the jobs of a posting share, with its default. */
export const PostingOptions = v.object({
  /** How often a job is tried before it has failed, the first time included: 1 to 1000. */
  maxAttempts: v.optional(
    v.pipe(
      v.number("expected a number of attempts"),
      v.integer("expected a whole number of attempts"),
      v.minValue(1, (issue) => `expected at least 1 attempt, found ${issue.received}`),
      v.maxValue(1000, (issue) => `expected at most 1000 attempts, found ${issue.received}`),
    ),
    3,
  ),
  /**
   * How long a job waits after its first failure; doubled after each further one, an hour at most.
   */
  backoffMs: v.optional(milliseconds(0), 1000),
  /** How long a job may run before it is killed, which counts as a failure; null for ever. */
  timeoutMs: v.optional(v.nullable(milliseconds(1)), null),
  /** How long a job that is killed has between SIGTERM and SIGKILL. */
  graceMs: v.optional(milliseconds(0), 5000),
  /** After how many failed attempts in a row in one pool the posting is stopped; 0 for never. */
  stopAfter: v.optional(
    v.pipe(
      v.number("expected a number of failures"),
      v.integer("expected a whole number of failures"),
      v.minValue(0, (issue) => `expected 0 failures or more, found ${issue.received}`),
    ),
    10,
  ),
  /** Stop the posting when N jobs have permanently failed; null for no limit. */
  maxFailures: v.optional(
    v.nullable(
      v.pipe(
        v.number("expected a number of failed jobs"),
        v.integer("expected a whole number of failed jobs"),
        v.minValue(1, (issue) => `expected 1 failed job or more, found ${issue.received}`),
        v.maxValue(2 ** 31 - 1, (issue) => `expected a number of 32 bits, found ${issue.received}`),
      ),
    ),
    null,
  ),
  /** … or when more than this share of its jobs has, in percent; null for any share. */
  maxFailuresPercent: v.optional(
    v.nullable(
      v.pipe(
        v.number("expected a percentage"),
        v.minValue(0, (issue) => `expected 0 % or more, found ${issue.received}`),
        v.maxValue(100, (issue) => `expected 100 % at most, found ${issue.received}`),
      ),
    ),
    null,
  ),
  /** How many jobs may run at the same time, in all pools together; null for any number. */
  maxRunning: v.optional(
    v.nullable(
      v.pipe(
        v.number("expected a number of jobs"),
        v.integer("expected a whole number of jobs"),
        v.minValue(1, (issue) => `expected 1 job or more, found ${issue.received}`),
        v.maxValue(2 ** 31 - 1, (issue) => `expected a number of 32 bits, found ${issue.received}`),
      ),
    ),
    null,
  ),
  /**
   * How many attempts may start in some time, in all pools together, such as "10/s", "100/m" or
   * "1000/h"; null for any number.
   */
  maxRate: v.optional(v.nullable(Rate), null),
  /** Whether the jobs' return values are kept. */
  keepsResults: v.optional(v.boolean("expected true or false"), true),
  /** The jobs whose output is kept, up to 64 KiB of stdout and as much of stderr. */
  keepsOutput: v.optional(
    v.picklist(["none", "failures", "all"], "expected none, failures or all"),
    "failures",
  ),
  /** When its jobs may start, at the earliest; null or a moment that is over for at once. */
  runAt: v.optional(v.nullable(Moment), null),
  /** How long after its end it is not pruned, even if prune asks for less; null for no time. */
  keepMs: v.optional(v.nullable(milliseconds(0, 100)), null),
});
/** @internal */
export type PostingOptions = v.InferOutput<typeof PostingOptions>;
