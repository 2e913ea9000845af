// The values that options of a posting can have.
import * as v from "valibot";

import { needsFault, type Needs } from "./capabilities.ts";
import { postingNamePattern } from "./selector.ts";

/** A value, or null, which is the default. */
export const orNull = <T, U>(schema: v.GenericSchema<T, U>) => v.optional(v.nullable(schema), null);

/** What `isRight` accepts; any other value is reported as "expected …, found …". */
const number = (expected: string, isRight: (n: number) => boolean): v.GenericSchema<number> =>
  v.pipe(
    v.number(expected),
    v.check(isRight, (issue) => `${expected}, found ${issue.received}`),
  );

const text = (expected: string, isRight: (text: string) => boolean): v.GenericSchema<string> =>
  v.pipe(v.string(expected), v.check(isRight, expected));

export const whole = (min: number, max: number) =>
  number(
    `expected a whole number from ${min} to ${max}`,
    (n) => Number.isInteger(n) && n >= min && n <= max,
  );

export const int32Max = 2 ** 31 - 1;

export const Percentage = number("expected a percentage from 0 to 100", (n) => n >= 0 && n <= 100);

/** A duration in whole milliseconds, at most `years` years. */
export const milliseconds = (min: number, years = 1): v.GenericSchema<number> =>
  v.pipe(
    v.number("expected a number of milliseconds"),
    v.integer("expected whole milliseconds"),
    v.minValue(min, (issue) => `expected ${min} ms or more, found ${issue.received}`),
    v.maxValue(
      years * 31_536_000_000,
      (issue) =>
        `expected ${years === 1 ? "a year" : `${years} years`} at most, found ${issue.received} ms`,
    ),
  );

const momentText = 'expected a Date, or a moment with its zone such as "2026-01-01T02:00:00Z"';

const isoOf = (date: Date) => (Number.isNaN(date.getTime()) ? "" : date.toISOString());

/** A Date, or text in ISO 8601 with a time zone: as such text in UTC. */
export const Moment: v.GenericSchema<Date | string, string> = v.pipe(
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

/** A moment, or a number of milliseconds from the moment of posting, by the database's clock. */
export const TimeLimit: v.GenericSchema<Date | string | number, string | number> = v.union(
  [Moment, milliseconds(1)],
  'expected a Date, a moment with its zone such as "2026-01-01T02:00:00Z", or whole milliseconds ' +
    "from the moment of posting, up to a year",
);

export const Name = text(
  "expected a letter, followed by at most 99 letters, digits or _.:+-",
  (name) => postingNamePattern.test(name),
);

/** The names of receivers of notifications, with commas between them. */
export const Receivers = text(
  'expected names of receivers, such as "slack" or "slack,mail": at most 10, each of at most 40 ' +
    "of a-z, 0-9, _ and -, a letter first",
  (names) => /^[a-z][a-z0-9_-]{0,39}(,[a-z][a-z0-9_-]{0,39}){0,9}$/.test(names),
);

/** A W3C trace context; a trace and a span whose ids are all 0 are none. */
export const Traceparent = text(
  'expected a W3C trace context such as "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"',
  (context) => /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/.test(context),
);

export const Key = text(
  "expected a key of 1 to 500 characters",
  (key) => key !== "" && Array.from(key).length <= 500,
);

export const CommandText = text(
  "expected a command line of 1 to 1000 characters",
  (line) => line !== "" && Array.from(line).length <= 1000,
);

const isShort = (name: string, bytes: number) => new TextEncoder().encode(name).length <= bytes;

export const Project = text(
  'expected the name of a project, 1 to 1000 bytes, or "*" for any project',
  (name) => name !== "" && isShort(name, 1000) && !/\p{Cc}/u.test(name),
);

export const ShortName = text("expected a name of at most 100 bytes", (name) => isShort(name, 100));

const needsText = 'expected needs such as [["gpu", "=", 1], ["mem", ">=", 8589934592]]';

export const NeedsOfJobs: v.GenericSchema<Needs> = v.pipe(
  v.array(
    v.union(
      [
        v.strictTuple([v.string(), v.literal("has")]),
        v.strictTuple([v.string(), v.literal(">="), v.number()]),
        v.strictTuple([v.string(), v.literal("="), v.union([v.string(), v.number()])]),
      ],
      needsText,
    ),
    needsText,
  ),
  v.check(
    (needs) => needsFault(needs) === null,
    ({ input }) => needsFault(input) ?? needsText,
  ),
);

/** When an edge is met: see sql/tables/edge.sql. */
export const edgeKinds = ["after", "any", "failed", "start", "each"] as const;
export type EdgeKind = (typeof edgeKinds)[number];

/** A posting waits for another one. */
export interface Edge {
  posting: number;
  kind: EdgeKind;
  /** Of the kind `after`: the number, or percentage, of jobs that may fail or be cancelled. */
  tolerateJobs?: number | undefined;
  toleratePercent?: number | undefined;
}

export const Edges: v.GenericSchema<Edge[]> = v.pipe(
  v.array(
    v.strictObject({
      posting: v.pipe(v.number("expected the number of a posting"), v.safeInteger(), v.minValue(1)),
      kind: v.picklist(edgeKinds),
      tolerateJobs: v.optional(whole(0, int32Max)),
      toleratePercent: v.optional(Percentage),
    }),
  ),
  v.maxLength(1000, "expected at most 1000 postings to wait for"),
);
