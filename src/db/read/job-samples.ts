import { type Db, errorCode } from "../connection/connect.ts";

const denied = "42501";

/** A first attempt at a job, which has ended. */
export interface JobSample {
  durationMs: number;
  /** Since 1970, by the clock of the database. */
  endedAtMs: number;
  /** Whether the job has ended with it. */
  isLast: boolean;
}

/**
 * The first attempts at jobs of a posting, evenly spread over the part of it that has been run: all
 * of them, if there are at most `most`. The cost depends on `most`, not on the number of jobs:
 * `status` answers at once beside millions, where the exact sums of a report (figures/attempts.ts)
 * take seconds. Empty for a role that may not read outcomes.
 */
export async function readJobSamples(
  { sql, schema }: Db,
  postingId: number,
  most: number,
): Promise<readonly JobSample[]> {
  const seq = sql`(probe::bigint * reached.seq / least(reached.seq, ${most}::integer))::integer`;
  return await sql<JobSample[]>`
    select o.durations_us[s.seq - o.first_seq + 1] / 1000.0::float8 as duration_ms,
           extract(epoch from o.ended_at)::float8 * 1000
             + o.offsets_ms[s.seq - o.first_seq + 1] as ended_at_ms,
           o.state <> 'retried' as is_last
    from (
        select coalesce(max(end_seq), 0) as seq from (
          select end_seq from ${schema}.outcome_run
          where posting_id = ${postingId} and attempt = 1 order by first_seq desc limit 1) newest
      ) reached
      cross join lateral generate_series(0, least(reached.seq, ${most}::integer) - 1) probe
      cross join lateral (select ${seq} as seq) s
      cross join lateral (
        select * from ${schema}.outcome_run r
        where r.posting_id = ${postingId} and r.attempt = 1
          and r.first_seq <= s.seq and r.first_seq > s.seq - 1000
        order by r.first_seq desc limit 1) o
    where o.end_seq > s.seq and o.state <> 'cancelled'`.catch((error: unknown) => {
    if (errorCode(error) === denied) return [];
    throw error;
  });
}
