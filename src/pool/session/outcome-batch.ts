import { sliceUsage } from "../../domain/attempt-usage.ts";
import { messageOf } from "../../domain/errors.ts";
import { JobLines } from "../../domain/job-lines.ts";
import { textOf, type WholeOutput } from "../wire/ends.ts";
import { type Outcome, runOf } from "../../db/engine/outcomes.ts";
import {
  type OutcomeRun,
  type PackedRuns,
  packRuns,
  partOf,
  textKinds,
} from "../../db/engine/outcome-rows.ts";

/** One outcome; `endedAt` is on this process's performance clock. */
export type PendingOutcome = Outcome & {
  endedAt: number;
  /** The number of its worker. */
  slot?: number | undefined;
  /** The number of jobs, the route and the entry point of its posting. */
  jobCount: number;
  routeId: number;
  entryPoint: string;
  /** All output of a command of a run. */
  whole?: WholeOutput | undefined;
};

/** Outcomes that wait to be recorded: nothing is kept for each of them. */
export type PendingRun = OutcomeRun & {
  slot?: number | undefined;
  jobCount: number;
  routeId: number;
  entryPoint: string;
  /** The drafts of postings that these jobs have posted (C1); most have none. */
  children?: readonly number[];
};

/** The run of one outcome. */
export const pendingOne = (outcome: PendingOutcome): PendingRun => ({
  ...runOf(outcome, outcome.endedAt),
  jobCount: outcome.jobCount,
  routeId: outcome.routeId,
  entryPoint: outcome.entryPoint,
});

/** The number of attempts that ended. */
export const countOf = ({ durationsMs }: PendingRun): number => durationsMs.length;

/** The size of their texts in memory, in bytes, estimated: a Latin letter takes one byte. */
export function sizeOf(run: PendingRun): number {
  let size = 0;
  for (const kind of textKinds) size += run[kind]?.length ?? 0;
  return size;
}

/** The first `count` jobs of a run, and the others. */
export const split = (run: PendingRun, count: number): [PendingRun, PendingRun] => [
  { ...run, ...partOf(run, 0, count) },
  { ...run, ...partOf(run, count, countOf(run)) },
];

/** The outcomes of a run, one by one. */
export const outcomesOf = (run: PendingRun): PendingOutcome[] =>
  Array.from(run.durationsMs, (durationMs, i) => ({
    ...{ leaseId: run.leaseId, postingId: run.postingId, seq: run.firstSeq + i },
    ...{ attempt: run.attempt, state: run.state, workerPid: run.workerPid, slot: run.slot },
    ...{ routeId: run.routeId, entryPoint: run.entryPoint },
    ...{ jobCount: run.jobCount, durationMs, endedAt: run.endedAt[i] ?? 0, ageMs: 0 },
    result: run.results?.at(i) ?? null,
    error: run.errors?.at(i) ?? null,
    stdout: textOf(run.stdouts?.at(i) ?? null),
    stderr: textOf(run.stderrs?.at(i) ?? null),
    delayMs: run.delaysMs?.[i] ?? null,
    usage: run.usage && sliceUsage(run.usage, i, i + 1),
  }));

/** Runs that are sent together, packed and counted once. */
export class OutcomeBatch {
  readonly runs: readonly PendingRun[];
  readonly count: number;
  readonly packed: PackedRuns;
  readonly packedAt = performance.now();
  /** The number of outcomes of each lease and of each posting. */
  readonly byLease = new Map<number, number>();
  readonly byPosting = new Map<number, number>();
  /** Postings all of whose jobs end here: the statement that records them ends them. */
  readonly whole = new Set<number>();
  /** The drafts of postings that the jobs have posted. */
  readonly children: readonly number[];

  constructor(runs: readonly PendingRun[]) {
    this.runs = runs;
    const ends = new Map<number, number>();
    let sum = 0;
    for (const run of runs) {
      const { leaseId, postingId, jobCount } = run;
      const count = countOf(run);
      sum += count;
      this.byLease.set(leaseId, (this.byLease.get(leaseId) ?? 0) + count);
      this.byPosting.set(postingId, (this.byPosting.get(postingId) ?? 0) + count);
      const ended = (ends.get(postingId) ?? 0) + (run.state === "retried" ? 0 : count);
      ends.set(postingId, ended);
      if (ended === jobCount) this.whole.add(postingId);
    }
    this.count = sum;
    this.children = runs.flatMap(({ children = [] }) => children);
    this.packed = packRuns(runs, this.packedAt);
  }
}

/**
 * Replaces an outcome that the database has refused because of one of its values: a value that
 * jsonb cannot hold, or a character that the database's encoding lacks. The new one has no such
 * value. A done job becomes a failed one, because another attempt would be refused again.
 */
export function outcomeRefused(run: PendingRun, error: unknown): PendingRun {
  const said = messageOf(error);
  const message =
    "the database refused the result, output or error of the job: " +
    said.slice(0, 500).replaceAll(/[^\x20-\x7e]/g, "?");
  return {
    ...run,
    state: run.state === "done" ? "failed" : run.state,
    results: null,
    errors: JobLines.one(JSON.stringify({ name: "OutcomeRefused", message })),
    stdouts: null,
    stderrs: null,
  };
}
