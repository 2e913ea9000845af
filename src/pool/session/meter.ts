import { bucketOf, durationLimits } from "../../db/dashboard/histogram.ts";

/** Counts of durations, by the limits of the dashboard's histograms. */
export class DurationCounts {
  /** One more than there are limits. */
  readonly counts: number[] = [0, ...durationLimits.map(() => 0)];
  sumMs = 0;

  add(ms: number): void {
    const bucket = bucketOf(ms);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += ms;
  }

  addAll(counts: readonly number[], sumMs: number): void {
    for (const [bucket, count] of counts.entries()) {
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
    }
    this.sumMs += sumMs;
  }
}

/** Whether a claim brought jobs, or found none, or only postings at their limits. */
export type ClaimFinding = "jobs" | "none" | "limited";

/** Why a pool ended an attempt, or how its worker died. */
export const terminationReasons = ["died", "memory", "timeout", "cancelled", "other"] as const;
export type TerminationKind = (typeof terminationReasons)[number];

const kinds: Readonly<Record<string, TerminationKind>> = {
  WorkerDied: "died",
  OutOfMemory: "memory",
  Timeout: "timeout",
  Cancelled: "cancelled",
  PoolEnded: "cancelled",
};

/**
 * Counts of a pool for its health port, since its start and across its sessions. Each claim, each
 * batch of outcomes and each heartbeat adds to them, never a job.
 */
export class Meter {
  readonly claims: Record<ClaimFinding, number> = { jobs: 0, none: 0, limited: 0 };
  readonly claimMs = new DurationCounts();
  /** The time until a batch of outcomes was written. */
  readonly recordMs = new DurationCounts();
  /** Of recorded attempts, up to the last heartbeat. */
  readonly attemptMs = new DurationCounts();
  /**
   * How long first attempts had waited, up to the last heartbeat: estimates by a sample, so the
   * counts need not be whole.
   */
  readonly waitMs = new DurationCounts();
  readonly terminations: Record<TerminationKind, number> = {
    died: 0,
    memory: 0,
    timeout: 0,
    cancelled: 0,
    other: 0,
  };
  /** Lost pools whose jobs this one has released. */
  rescues = 0;

  claimed(found: ClaimFinding, ms: number): void {
    this.claims[found]++;
    this.claimMs.add(ms);
  }

  /** Each of the sample stands for `weight` attempts. */
  waited({ counts, sumMs }: { counts: readonly number[]; sumMs: number }, weight: number): void {
    if (!Number.isFinite(weight)) return; // no first attempt has ended
    this.waitMs.addAll(
      counts.map((count) => count * weight),
      sumMs * weight,
    );
  }

  /** By the name of the error of the attempt. */
  terminated(errorName: string): void {
    this.terminations[kinds[errorName] ?? "other"]++;
  }
}
