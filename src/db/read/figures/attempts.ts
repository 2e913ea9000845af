import type { OutcomeState } from "../../../domain/attempt.ts";
import { bucketsPerDoubling } from "../../../domain/log-histogram.ts";
import type { BinCount, TimeBins } from "../../../domain/time-bins.ts";
import { integers } from "../../connection/array.ts";
import type { Db } from "../../connection/connect.ts";
import { inRead } from "./in-read.ts";

/** The attempts of one number at the jobs of a posting that ended in one state. */
export interface AttemptCount {
  postingId: number;
  attempt: number;
  state: OutcomeState;
  count: number;
}

/** The attempts that ended in a pool; null for pools that are not known any more. */
export interface PoolAttempts {
  poolId: number | null;
  count: number;
}

/** What postings ran, without the time it took: quick to read. */
export interface AttemptOverview {
  /** From the start of the first attempt to the end of the last one; null if none has ended. */
  fromMs: number | null;
  toMs: number | null;
  attempts: AttemptCount[];
  /** The largest number of attempts first. */
  pools: PoolAttempts[];
}

interface OverviewRow {
  postingId: number | null;
  poolId: number | null;
  attempt: number | null;
  state: OutcomeState | null;
  count: number;
  fromMs: number;
  toMs: number;
}

/**
 * The attempts of postings that have ended, and the period in which they ran. Reads a few numbers
 * of each outcome run: a quarter of a second for a million jobs that each are a run of their own.
 */
export async function readAttemptOverview(
  db: Db,
  postingIds: readonly number[],
): Promise<AttemptOverview> {
  const { schema } = db;
  const rows = await inRead(
    db,
    (sql) => sql<OverviewRow[]>`
      select r.posting_id, l.pool_id, r.attempt, r.state,
             sum(r.end_seq - r.first_seq)::float8 as count,
             (extract(epoch from min(
               r.ended_at - r.durations_us[1] * interval '1 us')) * 1000)::float8 as from_ms,
             (extract(epoch from max(r.ended_at
               + r.offsets_ms[r.end_seq - r.first_seq] * interval '1 ms')) * 1000)::float8 as to_ms
      from ${schema}.outcome_run r left join ${schema}.lease l on l.id = r.lease_id
      where r.posting_id = any (${integers(postingIds)}::bigint[])
      group by grouping sets ((r.posting_id, r.attempt, r.state), (l.pool_id))`,
  );
  const attempts = rows.flatMap(({ postingId, attempt, state, count }) =>
    postingId === null || attempt === null || state === null
      ? []
      : [{ postingId, attempt, state, count }],
  );
  const pools = rows.flatMap(({ postingId, poolId, count }) =>
    postingId === null ? [{ poolId, count }] : [],
  );
  return {
    fromMs:
      rows.length === 0 ? null : rows.reduce((first, row) => Math.min(first, row.fromMs), Infinity),
    toMs:
      rows.length === 0 ? null : rows.reduce((last, row) => Math.max(last, row.toMs), -Infinity),
    attempts: attempts.sort((a, b) => a.postingId - b.postingId || a.attempt - b.attempt),
    pools: pools.sort((a, b) => b.count - a.count),
  };
}

/** Attempts of a posting that ended in one state after about the same time. */
export interface DurationCount {
  postingId: number;
  state: OutcomeState;
  /** Of the histogram in src/domain/log-histogram.ts. */
  bucket: number;
  count: number;
  sumMs: number;
  longestMs: number;
  /** When the first of them began, and the last one ended. */
  fromMs: number;
  toMs: number;
}

/** The attempts that ended in one bin, in one pool and one state. */
export interface EndCount extends BinCount {
  poolId: number | null;
  state: OutcomeState;
  /** How long they ran, all together. */
  durationMs: number;
}

export interface StartCount extends BinCount {
  poolId: number | null;
}

/** The attempts that ended in one pool and one state. */
export interface PoolTime {
  /** Null for pools that are not known any more. */
  poolId: number | null;
  state: OutcomeState;
  count: number;
  durationMs: number;
}

/** What postings ran, over time and by duration. */
export interface AttemptFigures {
  durations: DurationCount[];
  ends: EndCount[];
  starts: StartCount[];
  /** All pools, not only the ones that are shown one by one. */
  pools: PoolTime[];
}

interface FigureRow {
  isPool: boolean;
  anyPoolId: number | null;
  postingId: number | null;
  poolId: number | null;
  state: OutcomeState | null;
  endBin: number | null;
  startBin: number | null;
  bucket: number | null;
  count: number;
  endMs: number;
  durationMs: number;
  longestMs: number;
  firstMs: number;
  lastMs: number;
}

/**
 * Adds up each attempt once: by posting and duration, and by bin and pool. `pools` are shown one by
 * one, all others count as null. Takes half a second to three seconds for a million jobs, depending
 * on whether they are stored in long or short runs.
 */
export async function readAttemptFigures(
  db: Db,
  postingIds: readonly number[],
  { startMs, binMs }: TimeBins,
  pools: readonly number[],
): Promise<AttemptFigures> {
  const { schema } = db;
  const rows = await inRead(
    db,
    (sql) => sql<FigureRow[]>`
      with run as (
        -- Computed once for each run, not for each attempt: offset 0 keeps it apart.
        select r.posting_id, r.state, r.offsets_ms, r.durations_us,
               (extract(epoch from r.ended_at) * 1000)::float8 - ${startMs}::float8 as ended_ms,
               case when l.pool_id = any (${integers(pools)}::bigint[]) then l.pool_id end
                 as pool_id, l.pool_id as any_pool_id
        from ${schema}.outcome_run r left join ${schema}.lease l on l.id = r.lease_id
        where r.posting_id = any (${integers(postingIds)}::bigint[]) offset 0),
      ended as (
        select posting_id, state, pool_id, any_pool_id, ended_ms + offset_ms as end_ms,
               us / 1000.0::float8 as ms,
               floor(ln(us + 1::float8) * ${bucketsPerDoubling / Math.LN2}::float8)::integer
                 as bucket
        from run cross join lateral unnest(offsets_ms, durations_us) as u (offset_ms, us) offset 0),
      binned as (
        select *, floor(end_ms / ${binMs}::float8)::integer as end_bin,
               floor((end_ms - ms) / ${binMs}::float8)::integer as start_bin from ended)
      select grouping(any_pool_id) = 0 as is_pool, posting_id, pool_id, any_pool_id, state, end_bin,
             start_bin, bucket, count(*)::float8 as count, sum(end_ms) as end_ms,
             sum(ms) as duration_ms, max(ms) as longest_ms, min(end_ms - ms) as first_ms,
             max(end_ms) as last_ms
      from binned
      group by grouping sets (
        (pool_id, state, end_bin), (pool_id, start_bin), (posting_id, state, bucket),
        (any_pool_id, state))`,
  );
  const figures: AttemptFigures = { durations: [], ends: [], starts: [], pools: [] };
  for (const row of rows) {
    const { postingId, poolId, state, endBin, startBin, bucket, count, durationMs } = row;
    if (row.isPool && state !== null) {
      figures.pools.push({ poolId: row.anyPoolId, state, count, durationMs });
    } else if (endBin !== null && state !== null) {
      figures.ends.push({ poolId, state, bin: endBin, count, sumMs: row.endMs, durationMs });
    } else if (startBin !== null) {
      figures.starts.push({ poolId, bin: startBin, count, sumMs: row.endMs - durationMs });
    } else if (postingId !== null && state !== null && bucket !== null) {
      const [fromMs, toMs] = [startMs + row.firstMs, startMs + row.lastMs];
      const { longestMs } = row;
      const sums = { count, sumMs: durationMs, longestMs, fromMs, toMs };
      figures.durations.push({ postingId, state, bucket, ...sums });
    }
  }
  return figures;
}
