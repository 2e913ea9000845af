import type { OutcomeState } from "../../domain/attempt.ts";
import { integerColumn, integers, texts } from "../connection/array.ts";
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

/**
 * The ends of jobs that follow each other and are done, without output: they have one lease,
 * attempt and worker.
 */
export interface DoneRun extends Pick<Outcome, "leaseId" | "postingId" | "attempt" | "workerPid"> {
  state: "done";
  firstSeq: number;
  /** When each of them ended, on the performance clock, and how long it took, in ms. */
  endedAt: Float64Array;
  durationsMs: Float64Array;
  /** Null if no job has a result. */
  results: readonly (string | null)[] | null;
}

/** Outcomes as the arrays that `record` takes, in PostgreSQL's text form. */
export interface PackedOutcomes extends ReturnType<typeof packOutcomes> {}

/** The age of each outcome of a run is measured at `now`, on the performance clock. */
export function packOutcomes(outcomes: readonly (Outcome | DoneRun)[], now: number) {
  const count = outcomes.reduce((sum, outcome) => sum + countOf(outcome), 0);
  const seqs = new Float64Array(count);
  const ages = new Float64Array(count);
  const durations = new Float64Array(count);
  let at = 0;
  for (const outcome of outcomes) {
    if (isRun(outcome)) {
      const { firstSeq, endedAt, durationsMs } = outcome;
      for (let i = 0; i < durationsMs.length; i++, at++) {
        seqs[at] = firstSeq + i;
        ages[at] = micros(now - (endedAt[i] ?? now));
        durations[at] = micros(durationsMs[i] ?? 0);
      }
    } else {
      seqs[at] = outcome.seq;
      ages[at] = micros(outcome.ageMs);
      durations[at++] = micros(outcome.durationMs);
    }
  }
  return {
    count,
    leases: columnOf(outcomes, (o) => o.leaseId),
    postings: columnOf(outcomes, (o) => o.postingId),
    seqs: integerColumn(seqs),
    attempts: columnOf(outcomes, (o) => o.attempt),
    states: columnOf(outcomes, (o) => o.state),
    ages: integerColumn(ages),
    durations: integerColumn(durations),
    pids: columnOf(outcomes, (o) => o.workerPid),
    results: textsOf(
      outcomes,
      (run) => run.results,
      (o) => o.result,
    ),
    errors: textsOf(outcomes, noTexts, (o) => o.error),
    delays: outcomes.every((o) => isRun(o) || o.delayMs === null)
      ? null
      : integers(outcomes.flatMap((o) => (isRun(o) ? nulls(countOf(o)) : o.delayMs))),
    stdouts: textsOf(outcomes, noTexts, (o) => o.stdout),
    stderrs: textsOf(outcomes, noTexts, (o) => o.stderr),
  };
}

export const isRun = <R extends DoneRun>(outcome: Outcome | R): outcome is R =>
  "firstSeq" in outcome;

/** The number of attempts that ended. */
export const countOf = (outcome: Outcome | DoneRun): number =>
  isRun(outcome) ? outcome.durationsMs.length : 1;

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
    { packed: packOutcomes(outcomes, 0), packedAt: performance.now() },
    completeLeases,
  );

/**
 * A number or word that runs have once, as PostgreSQL's text form of an array. If all of them are
 * equal, the array has only one: for short jobs, most of the work of recording is to write these
 * texts and read them in the server, and lease, posting, attempt, state and worker seldom change.
 */
function columnOf(
  outcomes: readonly (Outcome | DoneRun)[],
  pick: (outcome: Outcome | DoneRun) => number | string,
): string {
  const first = outcomes[0] && pick(outcomes[0]);
  if (outcomes.every((outcome) => pick(outcome) === first)) return `{${first ?? ""}}`;
  const column = outcomes.map((outcome) => `,${pick(outcome)}`.repeat(countOf(outcome)));
  return `{${column.join("").slice(1)}}`;
}

const micros = (ms: number) => Math.round(ms * 1000);

/** Null for a column of nulls, such as the results of many jobs: `unnest` fills it up. */
function textsOf(
  outcomes: readonly (Outcome | DoneRun)[],
  pickAll: (run: DoneRun) => readonly (string | null)[] | null,
  pick: (outcome: Outcome) => string | null,
): string | null {
  if (outcomes.every((o) => (isRun(o) ? pickAll(o) : pick(o)) === null)) return null;
  return texts(outcomes.flatMap((o) => (isRun(o) ? (pickAll(o) ?? nulls(countOf(o))) : [pick(o)])));
}

const noTexts = () => null;
const nulls = (count: number): null[] => Array.from({ length: count }, () => null);

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
