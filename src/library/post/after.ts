import * as v from "valibot";

import type { Edge, EdgeKind } from "../../domain/option-values.ts";
import { Tolerance } from "../../domain/tolerance.ts";
import type { Posting } from "../posting/posting.ts";

/** A posting to wait for, and what of it. */
export interface AfterPosting {
  /** A posting or its number. */
  posting: Posting | number;
  /**
   * What to wait for: `"done"`, all its jobs are done; `"ended"`, all its jobs have ended in any
   * way; `"failed"`, it has ended with failed jobs, or was stopped; `"started"`, a job of it has
   * started (default: `"done"`).
   */
  when?: "done" | "ended" | "failed" | "started" | undefined;
  /**
   * With `"done"`: go on although this number of its jobs, or this percentage such as `"1%"`,
   * failed or were cancelled (default: 0).
   */
  tolerate?: number | `${number}%` | undefined;
}

/** What a posting can wait for. */
export type After = Posting | number | AfterPosting;

const kinds = {
  done: "after",
  ended: "any",
  failed: "failed",
  started: "start",
} as const satisfies Record<string, EdgeKind>;

const expected =
  'expected a posting, its number, or an object such as { posting, when: "ended" }, or a list';

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** A {@link Posting}, by its number. */
const handle = v.pipe(
  v.object({ id, jobCount: v.number() }),
  v.transform((posting) => posting.id),
);
const named = v.pipe(
  v.strictObject({
    posting: v.union([id, handle], "expected a posting or its number"),
    when: v.optional(
      v.picklist(["done", "ended", "failed", "started"], "expected done, ended, failed or started"),
      "done",
    ),
    tolerate: v.optional(Tolerance),
  }),
  v.check(
    ({ when, tolerate }) => tolerate === undefined || when === "done",
    'expected tolerate only with when: "done"',
  ),
  v.transform(({ posting, when, tolerate = {} }): Edge => ({
    posting,
    kind: kinds[when],
    ...tolerate,
  })),
);
const bare = v.pipe(
  v.union([id, handle], expected),
  v.transform((posting): Edge => ({ posting, kind: "after" })),
);
// Not a union of both, whose message would not say what is wrong in the object.
const one = v.lazy((input: unknown): v.GenericSchema<unknown, Edge> => {
  const isObject = typeof input === "object" && input !== null && "posting" in input;
  return isObject ? named : bare;
});

/** @internal The option `after`, as edges. */
export const AfterOption = v.optional(
  v.pipe(
    v.unknown(),
    v.transform((given): unknown[] => (Array.isArray(given) ? given : [given])),
    v.array(one),
    v.maxLength(1000, "expected at most 1000 postings to wait for"),
  ),
  [],
);
