import type { PoolReport } from "../../db/dashboard/report.ts";
import { bucketOf, durationLimits } from "../../db/dashboard/histogram.ts";
import type { Counts } from "../../domain/capabilities.ts";
import { DurationCounts } from "./meter.ts";
import { countOf, type PendingRun } from "./outcome-batch.ts";

const seconds = 60;
/** The number of first attempts per heartbeat in the sample of waiting times. */
const sampleSize = 200;

/**
 * Counts the outcomes of a pool for the dashboard; reported with its heartbeats, not job by job.
 */
export class Tally {
  /** Attempts that ended, by the second of this process's performance clock, modulo 60. */
  readonly #recent: number[] = Array.from({ length: seconds }, () => 0);
  #second = Math.floor(performance.now() / 1_000);
  #since = emptyCounts();
  /** The durations of all attempts until the last report. */
  readonly #reported: DurationCounts;

  constructor(reported = new DurationCounts()) {
    this.#reported = reported;
  }

  /** These were recorded. */
  add(batch: readonly PendingRun[]): void {
    this.#forgetUntil(Math.floor(performance.now() / 1_000));
    const index = this.#second % seconds;
    for (const run of batch) {
      const count = countOf(run);
      this.#recent[index] = (this.#recent[index] ?? 0) + count;
      this.#since.states[run.state] += count;
      this.#measure(run);
    }
  }

  #measure({ postingId, attempt, endedAt, durationsMs }: PendingRun): void {
    const { durations } = this.#since;
    for (let i = 0; i < durationsMs.length; i++) {
      const durationMs = durationsMs[i] ?? 0;
      const bucket = bucketOf(durationMs);
      durations[bucket] = (durations[bucket] ?? 0) + 1;
      this.#since.sumMs += durationMs;
      if (attempt === 1) this.#sample(postingId, (endedAt[i] ?? 0) - durationMs);
    }
  }

  /** The report since the last one; `busy` workers have a job, and no job has what is `free`. */
  take(busy: number, free: Counts): PoolReport {
    const now = performance.now();
    this.#forgetUntil(Math.floor(now / 1_000));
    const { states, durations, starts, sumMs, firsts } = this.#since;
    this.#reported.addAll(durations, sumMs);
    this.#since = emptyCounts();
    const oldest = this.#second + 1;
    return {
      busy,
      free,
      recent: this.#recent.map((_, at) => this.#recent[(oldest + at) % seconds] ?? 0),
      done: states.done,
      failed: states.failed,
      retried: states.retried,
      durations,
      firsts,
      starts: starts.map(({ postingId, startedAt }) => ({ postingId, agoMs: now - startedAt })),
    };
  }

  #forgetUntil(second: number): void {
    if (second - this.#second > seconds) this.#second = second - seconds;
    while (this.#second < second) this.#recent[++this.#second % seconds] = 0;
  }

  /** Each of the first attempts is kept with the same probability. */
  #sample(postingId: number, startedAt: number): void {
    const { starts } = this.#since;
    const seen = ++this.#since.firsts;
    const index = seen <= sampleSize ? seen - 1 : Math.floor(Math.random() * seen);
    if (index < sampleSize) starts[index] = { postingId, startedAt };
  }
}

const emptyCounts = () => ({
  states: { done: 0, failed: 0, retried: 0, cancelled: 0 },
  durations: [0, ...durationLimits.map(() => 0)],
  sumMs: 0,
  starts: [] as { postingId: number; startedAt: number }[],
  firsts: 0,
});
