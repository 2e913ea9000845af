import type { OutcomeState } from "../../domain/attempt.ts";
import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

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
}

/** Outcomes as the arrays that `record` takes, in PostgreSQL's text form. */
export interface PackedOutcomes extends ReturnType<typeof packOutcomes> {}

/** Their ages are measured now. */
export function packOutcomes(outcomes: readonly Outcome[]) {
  const column = (pick: (outcome: Outcome) => number | string) => columnOf(outcomes, pick);
  return {
    count: outcomes.length,
    leases: column((o) => o.leaseId),
    postings: column((o) => o.postingId),
    seqs: column((o) => o.seq),
    attempts: column((o) => o.attempt),
    states: column((o) => o.state),
    ages: column((o) => micros(o.ageMs)),
    durations: column((o) => micros(o.durationMs)),
    pids: column((o) => o.workerPid),
    results: textsOrNull(outcomes.map((o) => o.result)),
    errors: textsOrNull(outcomes.map((o) => o.error)),
    delays: outcomes.every((o) => o.delayMs === null)
      ? null
      : integers(outcomes.map((o) => o.delayMs)),
    stdouts: textsOrNull(outcomes.map((o) => o.stdout)),
    stderrs: textsOrNull(outcomes.map((o) => o.stderr)),
  };
}

/**
 * Records outcomes whose leases the pool still has, and ends `completeLeases`. Returns the number
 * of outcomes that were refused because their lease had already ended. Safe to repeat. `packedAt`,
 * on the performance clock, is when their ages were measured.
 */
export async function recordPacked(
  { sql, schema }: Db,
  poolId: number,
  { packed, packedAt }: { packed: PackedOutcomes; packedAt: number },
  completeLeases: readonly number[],
): Promise<number> {
  const [row] = await sql<{ refused: number }[]>`
    select ${schema}.pool_record(
      ${poolId},
      row(
      ${packed.count}::integer, ${packed.leases}::bigint[], ${packed.postings}::bigint[],
      ${packed.seqs}::integer[], ${packed.attempts}::integer[],
      ${packed.states}::text::${schema}.outcome_state[], ${packed.ages}::bigint[],
      ${packed.durations}::bigint[], ${packed.pids}::integer[], ${packed.results}::text[],
      ${packed.errors}::text[], ${packed.delays}::bigint[], ${integers(completeLeases)}::bigint[],
      ${packed.stdouts}::text[], ${packed.stderrs}::text[],
      ${micros(performance.now() - packedAt)}::bigint
      )::${schema}.outcome_batch) as refused`;
  return row?.refused ?? 0;
}

/** As `recordPacked`, for outcomes whose ages are measured now. */
export const recordOutcomes = (
  db: Db,
  poolId: number,
  outcomes: readonly Outcome[],
  completeLeases: readonly number[],
) =>
  recordPacked(
    db,
    poolId,
    { packed: packOutcomes(outcomes), packedAt: performance.now() },
    completeLeases,
  );

/**
 * One number or word of each outcome, as PostgreSQL's text form of an array. If all of them are
 * equal, the array has only one: for short jobs, most of the work of recording is to write these
 * texts and read them in the server, and lease, posting, attempt, state and worker seldom change.
 */
function columnOf(
  outcomes: readonly Outcome[],
  pick: (outcome: Outcome) => number | string,
): string {
  const first = outcomes[0] && pick(outcomes[0]);
  const isSame = outcomes.every((outcome) => pick(outcome) === first);
  return isSame ? `{${first ?? ""}}` : `{${outcomes.map(pick).join(",")}}`;
}

const micros = (ms: number) => Math.round(ms * 1000);

/** Null for a column of nulls, such as the results of many jobs: `unnest` fills it up. */
const textsOrNull = (xs: readonly (string | null)[]) =>
  xs.every((x) => x === null) ? null : texts(xs);

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
