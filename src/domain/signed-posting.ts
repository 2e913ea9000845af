import * as v from "valibot";

import { type Provides, unmetNeeds } from "./capabilities.ts";
import { parse } from "./parse.ts";
import {
  postingOptions,
  type PostingOptions,
  type SignedOption,
  signedOptions,
  type UnchangedOption,
  unchangedOptions,
} from "./posting-options.ts";
import { rateOf } from "./rate.ts";

const format = "pdoflow-signed-posting-1";

/**
 * How the jobs of a block were digested. `text`: their arguments. `index and digest`, for jobs that
 * are sorted by priority after they were read: the index of each and the digest of its arguments.
 * `sweep`: the digest is that of the description from which the jobs are computed.
 */
export type DigestForm = "text" | "index and digest" | "sweep";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** A signature has all of these options, even with their defaults. */
const SignedOptions = v.strictObject(
  Object.fromEntries(signedOptions.map((name) => [name, postingOptions[name].schema.wrapped])) as {
    [K in SignedOption]: (typeof postingOptions)[K]["schema"]["wrapped"];
  },
);

/** The signed properties of a posting (docs/signing.md describes them byte by byte). */
const Statement = v.strictObject({
  format: v.literal(format),
  posting: Count,
  entryPoint: v.string(),
  jobCount: Count,
  options: SignedOptions,
  arguments: v.strictObject({
    form: v.picklist(["text", "index and digest", "sweep"]),
    blocks: Digest,
  }),
  code: v.nullable(Digest),
});
export type Statement = v.InferOutput<typeof Statement>;

/** The text of a posting that is signed. */
export function statementText(
  { entryPoint, options }: { entryPoint: string; options: PostingOptions },
  rest: Omit<Statement, "format" | "entryPoint" | "options">,
): string {
  const { posting, jobCount, code } = rest;
  const statement: Omit<Statement, "options"> & { options: object } = {
    format,
    posting,
    entryPoint,
    jobCount,
    options: Object.fromEntries(signedOptions.map((name) => [name, options[name]])),
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
export interface RunBy extends Pick<PostingOptions, UnchangedOption> {
  id: number;
  entryPoint: string;
  jobCount: number;
}

/**
 * The difference from the signed properties, as "maxAttempts: signed 3, found 5"; null if there is
 * none.
 */
export function changeOf(statement: Statement, posting: RunBy): string | null {
  const { entryPoint, jobCount, options } = statement;
  const signed = { id: statement.posting, entryPoint, jobCount, ...options };
  const names = ["id", "entryPoint", "jobCount", ...unchangedOptions] as const;
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
