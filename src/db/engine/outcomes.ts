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

/** One row of outcome_run. */
interface RunRow {
  leaseId: number;
  postingId: number;
  attempt: number;
  state: OutcomeState;
  workerPid: number;
  firstSeq: number;
  endSeq: number;
  ageUs: number;
  offsets: string;
  durations: string;
  delays: string | null;
  results: string | null;
  errors: string | null;
  stdouts: string | null;
  stderrs: string | null;
}

/** The most jobs in a run (U5). */
const runJobs = 1_000;

/** The age of each outcome of a run is measured at `now`, on the performance clock. */
export function packOutcomes(outcomes: readonly (Outcome | DoneRun)[], now: number) {
  const count = outcomes.reduce((sum, outcome) => sum + countOf(outcome), 0);
  const runs: RunRow[] = outcomes.flatMap((o) => (isRun(o) ? partsOf(o, now) : [singleRun(o)]));
  return {
    count,
    leases: integers(runs.map((o) => o.leaseId)),
    postings: integers(runs.map((o) => o.postingId)),
    firsts: integers(runs.map((o) => o.firstSeq)),
    ends: integers(runs.map((o) => o.endSeq)),
    attempts: integers(runs.map((o) => o.attempt)),
    states: `{${runs.map((o) => o.state).join(",")}}`,
    ages: integers(runs.map((o) => o.ageUs)),
    offsets: texts(runs.map((o) => o.offsets)),
    durations: texts(runs.map((o) => o.durations)),
    pids: texts(runs.map((o) => `{${o.workerPid}}`)),
    delays: texts(runs.map((o) => o.delays)),
    results: texts(runs.map((o) => o.results)),
    errors: texts(runs.map((o) => o.errors)),
    stdouts: texts(runs.map((o) => o.stdouts)),
    stderrs: texts(runs.map((o) => o.stderrs)),
  };
}

function partsOf(run: DoneRun, now: number): RunRow[] {
  const parts: RunRow[] = [];
  for (let from = 0; from < run.durationsMs.length; from += runJobs) {
    const endedAt = run.endedAt.subarray(from, from + runJobs);
    const durations = run.durationsMs.subarray(from, from + runJobs);
    const results = run.results?.slice(from, from + runJobs) ?? null;
    const firstAt = Math.min(...endedAt);
    parts.push({
      ...run,
      firstSeq: run.firstSeq + from,
      endSeq: run.firstSeq + from + durations.length,
      ageUs: micros(now - firstAt),
      offsets: `{${Array.from(endedAt, (at) => Math.floor(at - firstAt)).join(",")}}`,
      durations: `{${Array.from(durations, micros).join(",")}}`,
      delays: null,
      results: results?.some((text) => text !== null)
        ? results.map((text) => text ?? "").join("\n")
        : null,
      errors: null,
      stdouts: null,
      stderrs: null,
    });
  }
  return parts;
}

const singleRun = (o: Outcome): RunRow => ({
  ...o,
  firstSeq: o.seq,
  endSeq: o.seq + 1,
  ageUs: micros(o.ageMs),
  offsets: "{0}",
  durations: `{${micros(o.durationMs)}}`,
  delays: o.delayMs === null ? null : `{${Math.round(o.delayMs)}}`,
  results: o.result,
  errors: o.error,
  stdouts: o.stdout === null ? null : JSON.stringify(o.stdout),
  stderrs: o.stderr === null ? null : JSON.stringify(o.stderr),
});

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
      ${packed.leases}::bigint[], ${packed.postings}::bigint[], ${packed.firsts}::integer[],
      ${packed.ends}::integer[], ${packed.attempts}::integer[],
      ${packed.states}::text::${schema}.outcome_state[], ${packed.ages}::bigint[],
      ${packed.offsets}::text[], ${packed.durations}::text[], ${packed.pids}::text[],
      ${packed.delays}::text[], ${packed.results}::text[], ${packed.errors}::text[],
      ${packed.stdouts}::text[], ${packed.stderrs}::text[],
      ${integers(completeLeases)}::bigint[], ${micros(performance.now() - packedAt)}::bigint
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

const micros = (ms: number) => Math.round(ms * 1000);

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
