import { messageOf } from "../../domain/errors.ts";
import type { WholeOutput } from "../wire/ends.ts";
import {
  countOf,
  type DoneRun,
  isRun,
  type Outcome,
  packOutcomes,
  type PackedOutcomes,
} from "../../db/engine/outcomes.ts";

/** An outcome that waits to be recorded; `endedAt` is on this process's performance clock. */
export type PendingOutcome = Outcome & {
  endedAt: number;
  /** The number of jobs of its posting. */
  jobCount: number;
  /** All output of a command of a run. */
  whole?: WholeOutput | undefined;
};

/** Outcomes of jobs that ended well one after the other: nothing is kept for each of them. */
export type PendingRun = DoneRun & {
  jobCount: number;
  /** The size of the results. */
  bytes: number;
};

export type PendingOutcomes = PendingOutcome | PendingRun;

/** The outcomes of a run, one by one. */
export function outcomesOf(pending: PendingOutcomes): PendingOutcome[] {
  if (!isRun(pending)) return [pending];
  const { leaseId, postingId, attempt, workerPid, state, jobCount } = pending;
  const { firstSeq, endedAt, durationsMs, results } = pending;
  return Array.from(durationsMs, (durationMs, i) => ({
    ...{ leaseId, postingId, attempt, workerPid, state, jobCount, durationMs },
    seq: firstSeq + i,
    endedAt: endedAt[i] ?? 0,
    ageMs: 0,
    result: results?.[i] ?? null,
    ...{ error: null, stdout: null, stderr: null, delayMs: null },
  }));
}

/** Outcomes that are sent together, packed and counted once. */
export class OutcomeBatch {
  readonly outcomes: readonly PendingOutcomes[];
  readonly count: number;
  readonly packed: PackedOutcomes;
  readonly packedAt = performance.now();
  /** The number of outcomes of each lease and of each posting. */
  readonly byLease = new Map<number, number>();
  readonly byPosting = new Map<number, number>();
  /** Postings all of whose jobs end here: the statement that records them ends them. */
  readonly whole = new Set<number>();

  constructor(outcomes: readonly PendingOutcomes[]) {
    this.outcomes = outcomes;
    const ends = new Map<number, number>();
    for (const outcome of outcomes) {
      const { leaseId, postingId, jobCount } = outcome;
      const count = countOf(outcome);
      if (!isRun(outcome)) outcome.ageMs = this.packedAt - outcome.endedAt;
      this.byLease.set(leaseId, (this.byLease.get(leaseId) ?? 0) + count);
      this.byPosting.set(postingId, (this.byPosting.get(postingId) ?? 0) + count);
      const ended = (ends.get(postingId) ?? 0) + (outcome.state === "retried" ? 0 : count);
      ends.set(postingId, ended);
      if (ended === jobCount) this.whole.add(postingId);
    }
    this.packed = packOutcomes(outcomes, this.packedAt);
    this.count = this.packed.count;
  }
}

/**
 * Replaces an outcome that the database has refused because of one of its values: a value that
 * jsonb cannot hold, or a character that the database's encoding lacks. The new one has no such
 * value. A done job becomes a failed one, because another attempt would be refused again.
 */
export function outcomeRefused(outcome: PendingOutcome, error: unknown): PendingOutcome {
  const said = messageOf(error);
  const message =
    "the database refused the result, output or error of the job: " +
    said.slice(0, 500).replaceAll(/[^\x20-\x7e]/g, "?");
  return {
    ...outcome,
    state: outcome.state === "done" ? "failed" : outcome.state,
    result: null,
    error: JSON.stringify({ name: "OutcomeRefused", message }),
    stdout: null,
    stderr: null,
  };
}
