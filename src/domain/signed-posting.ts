import * as v from "valibot";

import { type Need, type Provides, unmetNeeds } from "./capabilities.ts";
import { parse } from "./parse.ts";
import { type PostingOptions, rateOf } from "./posting.ts";

const format = "pdoflow-signed-posting-1";

/**
 * How the jobs of a block were digested. `text`: their arguments. `index and digest`, for jobs that
 * are sorted by priority after they were read: the index of each and the digest of its arguments.
 */
export type DigestForm = "text" | "index and digest";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Atom = v.union([v.string(), v.number()]);
const NeedOfJobs = v.union([
  v.strictTuple([v.string(), v.literal("has")]),
  v.strictTuple([v.string(), v.picklist([">=", "="]), Atom]),
]);

/** The signed properties of a posting (docs/signing.md describes them byte by byte). */
const Statement = v.strictObject({
  format: v.literal(format),
  posting: Count,
  entryPoint: v.string(),
  jobCount: Count,
  options: v.strictObject({
    maxAttempts: Count,
    backoffMs: Count,
    timeoutMs: v.nullable(Count),
    graceMs: Count,
    stopAfter: Count,
    keepsResults: v.boolean(),
    keepsOutput: v.picklist(["none", "failures", "all"]),
    maxRunning: v.nullable(Count),
    maxRate: v.nullable(v.string()),
    needs: v.array(NeedOfJobs),
  }),
  arguments: v.strictObject({
    form: v.picklist(["text", "index and digest"]),
    blocks: Digest,
  }),
  code: v.nullable(Digest),
});
export type Statement = v.InferOutput<typeof Statement>;

/** The options of a posting that its signature covers. */
export function statementText(
  { entryPoint, options }: { entryPoint: string; options: PostingOptions },
  rest: Omit<Statement, "format" | "entryPoint" | "options"> & { needs: readonly Need[] },
): string {
  const { maxAttempts, backoffMs, timeoutMs, graceMs, stopAfter } = options;
  const { keepsResults, keepsOutput, maxRunning, maxRate } = options;
  const { posting, jobCount, needs, code } = rest;
  const statement: Omit<Statement, "options"> & { options: object } = {
    format,
    posting,
    entryPoint,
    jobCount,
    options: {
      ...{ maxAttempts, backoffMs, timeoutMs, graceMs, stopAfter },
      ...{ keepsResults, keepsOutput, maxRunning, maxRate, needs },
    },
    arguments: { form: rest.arguments.form, blocks: rest.arguments.blocks },
    code,
  };
  return JSON.stringify(statement);
}

/** @throws {InvalidInput} it is not a statement of this version of pdoflow. */
export const parseStatement = (text: string): Statement => {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    input = text;
  }
  return parse(Statement, input, "a signed statement");
};

/** The properties with which a pool would run a posting. */
export interface RunBy {
  id: number;
  entryPoint: string;
  jobCount: number;
  maxAttempts: number;
  backoffMs: number;
  timeoutMs: number | null;
  graceMs: number;
  stopAfter: number;
  keepsResults: boolean;
  keepsOutput: string;
}

/**
 * The difference from the signed properties, as "maxAttempts: signed 3, found 5"; null if there is
 * none.
 */
export function changeOf(statement: Statement, posting: RunBy): string | null {
  const { entryPoint, jobCount, options } = statement;
  const signed = { id: statement.posting, entryPoint, jobCount, ...options };
  const names = [
    ...([
      "id",
      "entryPoint",
      "jobCount",
      "maxAttempts",
      "backoffMs",
      "timeoutMs",
      "graceMs",
    ] as const),
    ...(["stopAfter", "keepsResults", "keepsOutput"] as const),
  ];
  for (const name of names) {
    if (signed[name] === posting[name]) continue;
    const what = name === "id" ? "number" : name;
    return `${what}: signed ${String(signed[name])}, found ${String(posting[name])}`;
  }
  return null;
}

/** The same for its limits, which may be stricter than the signed ones, and its needs. */
export function limitChangeOf(
  { options }: Statement,
  limits: { maxRunning: number | null; rateCount: number | null; rateMs: number | null },
  provides: Provides,
): string | null {
  const { maxRunning, maxRate, needs } = options;
  if (maxRunning !== null && (limits.maxRunning === null || limits.maxRunning > maxRunning)) {
    return `maxRunning: signed ${maxRunning}, found ${limits.maxRunning ?? "none"}`;
  }
  const rate = rateOf(maxRate);
  if (rate.count !== null && rate.ms !== null) {
    const { rateCount, rateMs } = limits;
    const isStricter =
      rateCount !== null && rateMs !== null && rateCount / rateMs <= rate.count / rate.ms;
    if (!isStricter) {
      const found = rateCount === null ? "none" : `${rateCount} in ${rateMs} ms`;
      return `maxRate: signed ${maxRate}, found ${found}`;
    }
  }
  const unmet = unmetNeeds(needs, provides);
  return unmet.length === 0 ? null : `needs: signed ${JSON.stringify(unmet)}, found none of that`;
}
