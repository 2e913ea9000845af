import type { OutcomeState } from "../domain/attempt.ts";
import { integers, texts } from "./array.ts";
import type { Db } from "./connect.ts";

/** The end of one attempt, to be recorded. */
export interface Outcome {
  leaseId: number;
  postingId: number;
  seq: number;
  attempt: number;
  state: OutcomeState;
  /** How long ago it ended, in ms: a moment of the pool's own clock would be no good (rule 9). */
  ageMs: number;
  durationMs: number;
  workerPid: number;
  /** Encoded values as JSON text. */
  result: string | null;
  error: string | null;
  /** What the job printed, where that is kept; without NUL. */
  stdout: string | null;
  stderr: string | null;
  /** When `state` is `retried`: how long until the next attempt. */
  delayMs: number | null;
}

/**
 * Records outcomes whose leases the pool still holds, and lets go of `completeLeases`. Returns how
 * many were refused because their lease had been taken away. Safe to send again.
 */
export async function recordOutcomes(
  { sql, schema }: Db,
  poolId: number,
  outcomes: readonly Outcome[],
  completeLeases: readonly number[],
): Promise<number> {
  const column = (pick: (outcome: Outcome) => number | string) => columnOf(outcomes, pick);
  const delays = outcomes.every((o) => o.delayMs === null)
    ? null
    : integers(outcomes.map((o) => o.delayMs));
  const [row] = await sql<{ refused: number }[]>`
    select ${schema}.pool_record(
      ${poolId}, ${outcomes.length},
      ${column((o) => o.leaseId)}::bigint[], ${column((o) => o.postingId)}::bigint[],
      ${column((o) => o.seq)}::integer[], ${column((o) => o.attempt)}::integer[],
      ${column((o) => o.state)}::text::${schema}.outcome_state[],
      ${column((o) => micros(o.ageMs))}::bigint[], ${column((o) => micros(o.durationMs))}::bigint[],
      ${column((o) => o.workerPid)}::integer[],
      ${textsOrNull(outcomes.map((o) => o.result))}::text[],
      ${textsOrNull(outcomes.map((o) => o.error))}::text[],
      ${delays}::bigint[], ${integers(completeLeases)}::bigint[],
      ${textsOrNull(outcomes.map((o) => o.stdout))}::text[],
      ${textsOrNull(outcomes.map((o) => o.stderr))}::text[]) as refused`;
  return row?.refused ?? 0;
}

/**
 * One number or word of each outcome, as PostgreSQL's text form of an array. Where it is the same
 * of all it stands there once: for short jobs, writing these texts and reading them in the server
 * is most of the work of recording, and lease, posting, attempt, state and worker seldom change.
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

/** Null for a column of nulls, as the results of many jobs are: `unnest` fills it up. */
const textsOrNull = (xs: readonly (string | null)[]) =>
  xs.every((x) => x === null) ? null : texts(xs);

/** Ends those of the postings whose jobs have all ended. Returns them. */
export async function finishPostings(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select ${schema}.pool_finish(${integers(ids)}::bigint[]) as id`;
  return rows.map(({ id }) => id);
}

/** Ends postings that a pool which died between its last outcome and `finishPostings` left open. */
export const finishStragglers = ({ sql, schema }: Db) => sql`
  select ${schema}.pool_finish_stragglers()`;

/** Folds up the progress rows of postings that have many. */
export const foldProgress = ({ sql, schema }: Db) => sql`
  select ${schema}.pool_fold()`;
