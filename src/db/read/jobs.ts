import type { IndexRange } from "../../domain/selector.ts";
import { pagesOf } from "./pages.ts";
import type { JobError } from "../../domain/attempt.ts";
import type { JobStatus } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { hasSortedJobs } from "./results.ts";

/** The state of a job, with its newest attempt. */
export interface JobRow {
  index: number;
  seq: number;
  status: JobStatus;
  attempts: number;
  poolId: number | null;
  host: string | null;
  durationMs: number | null;
  /** When its newest attempt started, and how long a running one has run; null if not known. */
  startedAt: Date | null;
  elapsedMs: number | null;
  /** While it runs and reports: its progress, from 0 to 1, and a note. */
  progress: number | null;
  note: string | null;
  endedAt: Date | null;
  /** The resources that its newest attempt used; null if they were not measured. */
  cpuUserMs: number | null;
  cpuSystemMs: number | null;
  peakBytes: number | null;
  readBytes: number | null;
  writtenBytes: number | null;
  error: JobError | null;
  /** As JSON text. */
  args: string;
  stdout: string | null;
  stderr: string | null;
}

export interface JobFilter {
  status: JobStatus | null;
  host: string | null;
  poolId: number | null;
  /** A text that the arguments contain. */
  argument: string | null;
  /** Only failed jobs with this fingerprint; omitted: all. */
  fingerprint?: string | null;
}

/** All jobs. */
export const anyJob: JobFilter = { status: null, host: null, poolId: null, argument: null };

export interface JobPage extends JobFilter {
  postingId: number;
  /** The index of the first job, and the number of jobs to read. */
  first: number;
  size: number;
  /** Whether the posting's jobs have an index that differs from their seq (J2). */
  isSorted: boolean;
  /** The maximum number of jobs to read if the filter is for failures of an unsorted posting. */
  failureMax?: number;
}

/**
 * The jobs of a page of a posting that match the filter, by index. The query uses a range, which
 * has no gap (J1). If the filter is for failures only, the jobs between them are not read.
 */
export function readJobPage({ sql, schema }: Db, page: JobPage) {
  const { postingId, first, size, isSorted, status, host, poolId, argument } = page;
  const { fingerprint = null, failureMax = null } = page;
  const looksSo = (error: string) =>
    fingerprint === null ? sql`true` : sql`${schema}.fingerprint(${sql(error)}) = ${fingerprint}`;
  const runs =
    status === "failed" && !isSorted
      ? sql`(
          select min(seq) as first_seq, max(seq) + 1 as end_seq
          from (
            select seq, seq - row_number() over (order by seq) as run
            from ${schema}.failed_jobs(${postingId}, ${first}, ${first + size})
            where ${looksSo("error")} order by seq limit ${failureMax}) f
          group by run) r`
      : sql`${schema}.runs_of(${postingId}, ${first}, ${first + size}) r`;
  return sql<JobRow[]>`
    select s.index, s.seq, s.status, s.attempts, p.number as pool_id, p.host, s.duration_ms,
           case when s.status = 'running' then g.started_at
                else s.ended_at - s.duration_ms * interval '1 ms' end as started_at,
           (extract(epoch from clock_timestamp() - g.started_at) * 1000)::float8 as elapsed_ms,
           g.progress, g.note, s.ended_at, s.cpu_user_ms, s.cpu_system_ms,
           s.peak_bytes::float8, s.read_bytes::float8, s.written_bytes::float8, s.error,
           s.args::text as args, s.stdout, s.stderr
    from ${runs}
      cross join lateral ${schema}.jobs_between(${postingId}, r.first_seq, r.end_seq, true) s
      left join ${schema}.lease l on l.id = s.lease_id
      left join ${schema}.pool p on p.id = l.pool_id
      left join lateral (
        select progress, note, p.heartbeat_at - ms * interval '1 ms' as started_at
        from jsonb_to_recordset(
            case when s.status = 'running' then ${schema}.running_jobs(p.id) else '[]' end)
          as t (posting bigint, seq integer, ms float8, progress float8, note text)
        where t.posting = ${postingId} and t.seq = s.seq limit 1) g on true
    where ${status === null ? sql`true` : sql`s.status = ${status}`}
      and ${host === null ? sql`true` : sql`p.host = ${host}`}
      and ${poolId === null ? sql`true` : sql`p.number = ${poolId}`}
      and ${looksSo("s.error")}
      and ${argument === null ? sql`true` : sql`position(${argument} in s.args::text) > 0`}
    order by s.index`;
}

/** The indexes of the jobs of ranges in sorted postings (J2), range by range. */
export async function readIndices(
  { sql, schema }: Db,
  ranges: readonly { postingId: number; firstSeq: number; endSeq: number }[],
): Promise<number[][]> {
  const rows = await sql<{ indices: string | null }[]>`
    select (
      select string_agg(array_to_string(
        b.indexes[greatest(r.first_seq - b.first_seq, 0) + 1:r.end_seq - b.first_seq], ','),
        ',' order by b.first_seq)
      from ${schema}.job b
      where b.posting_id = r.posting_id and b.first_seq < r.end_seq
        and b.first_seq >= ${schema}.block_of(r.posting_id, r.first_seq)) as indices
    from unnest(${integers(ranges.map((r) => r.postingId))}::bigint[],
                ${integers(ranges.map((r) => r.firstSeq))}::integer[],
                ${integers(ranges.map((r) => r.endSeq))}::integer[])
        with ordinality as r (posting_id, first_seq, end_seq, position)
    order by r.position`;
  return rows.map(({ indices }) => indices?.split(",").map(Number) ?? []);
}

/** The job at `index` of a posting; undefined if it does not exist. */
export async function readJob(
  db: Db,
  postingId: number,
  index: number,
): Promise<JobRow | undefined> {
  const isSorted = await hasSortedJobs(db, postingId);
  const [row] = await readJobPage(db, { ...anyJob, postingId, first: index, size: 1, isSorted });
  return row;
}

/** Pages of jobs that match `filter`, read by `read`: as {@link readJobPage} does. */
export const jobPagesOf = (
  read: (page: JobPage) => PromiseLike<readonly JobRow[]>,
  { ranges, ...posting }: { postingId: number; isSorted: boolean; ranges: readonly IndexRange[] },
  filter: JobFilter,
) =>
  pagesOf(ranges, (first, size) => read({ ...posting, first, size, ...filter }), {
    charsOf: ({ args, stdout, stderr }) =>
      args.length + (stdout?.length ?? 0) + (stderr?.length ?? 0),
    // Of an unsorted posting, failures are found by their own index.
    widest: filter.status === "failed" && !posting.isSorted ? 100_000 : 2_000,
  });
