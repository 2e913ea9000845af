import { totalUsage } from "../../domain/attempt-usage.ts";
import type { UsageReport } from "../../db/engine/usage.ts";
import { countOf, type PendingRun } from "./outcome-batch.ts";

/**
 * Adds up what the attempts of a pool used, by poster and entry point; reported with its
 * heartbeats, not job by job.
 */
export class UsageTally {
  /** By route and entry point: a route has one poster. */
  #since = new Map<string, UsageReport>();

  /** These were recorded. */
  add(batch: readonly PendingRun[]): void {
    for (const run of batch) {
      const key = `${run.routeId} ${run.entryPoint}`;
      let sum = this.#since.get(key);
      if (!sum) this.#since.set(key, (sum = nothing(run.postingId)));
      addRun(sum, run);
    }
  }

  /** The sums since the last call. */
  take(): UsageReport[] {
    const all = [...this.#since.values()];
    this.#since = new Map();
    return all;
  }
}

const nothing = (postingId: number): UsageReport => ({
  ...{ postingId, attempts: 0, wallMs: 0, measuredMs: 0, cpuUserMs: 0, cpuSystemMs: 0 },
  ...{ peakBytes: 0, readBytes: 0, writtenBytes: 0 },
});

function addRun(sum: UsageReport, run: PendingRun): void {
  const { durationsMs } = run;
  let ms = 0;
  for (let i = 0; i < durationsMs.length; i++) ms += durationsMs[i] ?? 0; // an iterator is slow
  sum.attempts += countOf(run);
  sum.wallMs += ms;
  if (run.usage === null) return;
  const used = totalUsage([run.usage]);
  if (!Number.isNaN(used.userUs)) sum.measuredMs += ms;
  sum.cpuUserMs += (used.userUs || 0) / 1_000;
  sum.cpuSystemMs += (used.systemUs || 0) / 1_000;
  sum.peakBytes = Math.max(sum.peakBytes, used.peakBytes || 0);
  sum.readBytes += used.readBytes || 0;
  sum.writtenBytes += used.writtenBytes || 0;
}
