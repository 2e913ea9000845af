import type { OutcomeState } from "../../domain/attempt.ts";
import type { UsageSpans } from "../../domain/attempt-usage.ts";
import { JobLines } from "../../domain/job-lines.ts";
import { blockSeparator, integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { type OutcomeRun, type PackedRuns, packRuns } from "./outcome-rows.ts";

/** The end of one attempt, to be recorded. */
export interface Outcome {
  leaseId: number;
  postingId: number;
  seq: number;
  attempt: number;
  state: OutcomeState;
  /** How long ago it ended, in ms. No clock of a pool enters the database (rule 9). */
  ageMs: number;
  durationMs: number;
  workerPid: number;
  /** Encoded values as JSON text. */
  result: string | null;
  error: string | null;
  /** The output of the job, if it is kept; without NUL. */
  stdout: string | null;
  stderr: string | null;
  /** If `state` is `retried`: the time until the next attempt. */
  delayMs: number | null;
  /** The resources that it used; null if they were not measured. */
  usage?: UsageSpans | null | undefined;
}

/** The run that has only this outcome, which ended at `endedAt` on the performance clock. */
export const runOf = (outcome: Outcome, endedAt: number): OutcomeRun => ({
  leaseId: outcome.leaseId,
  postingId: outcome.postingId,
  attempt: outcome.attempt,
  state: outcome.state,
  workerPid: outcome.workerPid,
  firstSeq: outcome.seq,
  endedAt: Float64Array.of(endedAt),
  durationsMs: Float64Array.of(outcome.durationMs),
  delaysMs: outcome.delayMs === null ? null : Float64Array.of(outcome.delayMs),
  results: JobLines.one(outcome.result),
  errors: JobLines.one(outcome.error),
  stdouts: JobLines.one(jsonString(outcome.stdout)),
  stderrs: JobLines.one(jsonString(outcome.stderr)),
  usage: outcome.usage ?? null,
});

const jsonString = (text: string | null) =>
  text === null ? null : JSON.stringify(text.toWellFormed());

/**
 * Records runs whose leases the pool still has, and ends `completeLeases`. Returns the number of
 * outcomes that were refused because their lease had already ended. Safe to repeat. `packedAt`, on
 * the performance clock, is when their ages were measured. `children` are the drafts of postings of
 * these attempts (C1).
 */
export async function recordPacked(
  { sql, schema }: Db,
  poolId: number,
  {
    packed,
    packedAt,
    children = [],
  }: { packed: PackedRuns; packedAt: number; children?: readonly number[] },
  completeLeases: readonly number[],
): Promise<number> {
  // Not as arrays: neither side has to look for quotes in long texts.
  const list = (texts: string | null) =>
    sql`string_to_array(${texts}::text, ${blockSeparator}::text, '')`;
  const [row] = await sql<{ refused: number }[]>`
    select ${schema}.pool_record(
      ${poolId},
      row(
      ${packed.leases}::bigint[], ${packed.postings}::bigint[], ${packed.firsts}::integer[],
      ${packed.ends}::integer[], ${packed.attempts}::integer[],
      ${packed.states}::text::${schema}.outcome_state[], ${packed.ages}::bigint[],
      ${list(packed.offsets)}, ${list(packed.durations)}, ${list(packed.pids)},
      ${list(packed.delays)}, ${list(packed.results)}, ${list(packed.errors)},
      ${list(packed.stdouts)}, ${list(packed.stderrs)},
      ${integers(completeLeases)}::bigint[],
      ${Math.round(1_000 * (performance.now() - packedAt))}::bigint, ${list(packed.usages)}
      )::${schema}.outcome_batch, ${integers(children)}::bigint[]) as refused`;
  return row?.refused ?? 0;
}

/** As `recordPacked`, for runs whose ages are measured now. */
export async function recordRuns(
  db: Db,
  poolId: number,
  runs: readonly OutcomeRun[],
  completeLeases: readonly number[],
  children: readonly number[] = [],
): Promise<number> {
  const packedAt = performance.now();
  return await recordPacked(
    db,
    poolId,
    { packed: packRuns(runs, packedAt), packedAt, children },
    completeLeases,
  );
}

/** Ends the postings among `ids` whose jobs have all ended, and returns them. */
export async function finishPostings(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select ${schema}.pool_finish(${integers(ids)}::bigint[]) as id`;
  return rows.map(({ id }) => id);
}

/**
 * Ends postings that a pool left open because it died between its last outcome and
 * `finishPostings`.
 */
export const finishStragglers = ({ sql, schema }: Db) => sql`
  select ${schema}.pool_finish_stragglers()`;

/** Folds the progress rows of postings with many rows. */
export const foldProgress = ({ sql, schema }: Db) => sql`
  select ${schema}.pool_fold()`;
