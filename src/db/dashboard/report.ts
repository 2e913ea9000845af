import type { Counts } from "../../domain/capabilities.ts";
import { durationLimits } from "./histogram.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The work of a pool since its last report. */
export interface PoolReport {
  /** Workers that run a job. */
  busy: number;
  /** The amounts of its counted resources that no job has. */
  free: Counts;
  /** Attempts that ended in each of the last 60 seconds, the oldest first. */
  recent: readonly number[];
  done: number;
  failed: number;
  retried: number;
  /** Counts of attempts by duration (histogram.ts). */
  durations: readonly number[];
  /** The first starts of jobs of these postings: a sample of `firsts`. */
  starts: readonly { postingId: number; agoMs: number }[];
  /** The number of first attempts. */
  firsts: number;
}

/** How long the jobs of a sample had waited. */
export interface SampledWaits {
  /** By time, as durations. */
  counts: readonly number[];
  sumMs: number;
}

/**
 * Reports the work of a pool, for display: nothing else depends on it. Returns how long the jobs of
 * its sample had waited; null if no attempt has ended.
 */
export async function reportPool(
  { sql, schema }: Db,
  poolId: number,
  report: PoolReport,
): Promise<SampledWaits | null> {
  const { busy, free, done, failed, retried } = report;
  const [row] = await sql<{ waits: number[] | null; waitsMs: number | null }[]>`
  select array_to_json(waits) as waits, waits_ms from ${schema}.pool_report(
    ${poolId}, ${JSON.stringify({ busy, free })}::text::jsonb,
    ${integers(report.recent)}::integer[],
    ${JSON.stringify({ done, failed, retried })}::text::jsonb,
    ${integers(report.durations)}::integer[],
    ${integers(report.starts.map(({ postingId }) => postingId))}::bigint[],
    ${integers(report.starts.map(({ agoMs }) => Math.round(agoMs * 1_000)))}::bigint[],
    ${`{${durationLimits.join(",")}}`}::float8[])`;
  return row?.waits ? { counts: row.waits, sumMs: row.waitsMs ?? 0 } : null;
}
