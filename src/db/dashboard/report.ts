import { durationLimits } from "./histogram.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** The work of a pool since its last report. */
export interface PoolReport {
  /** Workers that run a job. */
  busy: number;
  /** Attempts that ended in each of the last 60 seconds, the oldest first. */
  recent: readonly number[];
  done: number;
  failed: number;
  retried: number;
  /** Counts of attempts by duration (histogram.ts). */
  durations: readonly number[];
  /** The first starts of jobs of these postings: a sample. */
  starts: readonly { postingId: number; agoMs: number }[];
}

/** Reports the work of a pool, for display: nothing else depends on it. */
export function reportPool({ sql, schema }: Db, poolId: number, report: PoolReport) {
  const { done, failed, retried } = report;
  return sql`
  select ${schema}.pool_report(
    ${poolId}, ${report.busy}, ${integers(report.recent)}::integer[],
    ${JSON.stringify({ done, failed, retried })}::text::jsonb,
    ${integers(report.durations)}::integer[],
    ${integers(report.starts.map(({ postingId }) => postingId))}::bigint[],
    ${integers(report.starts.map(({ agoMs }) => Math.round(agoMs * 1_000)))}::bigint[],
    ${`{${durationLimits.join(",")}}`}::float8[])`;
}
