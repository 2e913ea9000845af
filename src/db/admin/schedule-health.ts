import type { Db } from "../connection/connect.ts";

/** The facts about schedules and pruning that doctor checks. */
export interface ScheduleHealth {
  /** Schedules of which each of the last ten times posted nothing, or failed jobs. */
  failingSchedules: readonly {
    name: string;
    poster: string;
    /** Times that posted nothing; the others posted jobs that failed. */
    unposted: number;
    reason: string | null;
  }[];
  /** Schedules that prune and were due ten minutes ago. */
  latePrunes: readonly string[];
  /** Whether a schedule prunes. */
  hasPrune: boolean;
  /** How many of the oldest 10,000 postings ended more than 30 days ago. */
  oldPostings: number;
}

export const noSchedules: ScheduleHealth = {
  ...{ failingSchedules: [], latePrunes: [], hasPrune: false, oldPostings: 0 },
};

/** Reads the last ten fires of each schedule, and the oldest postings. */
export async function readScheduleHealth({ sql, schema }: Db): Promise<ScheduleHealth> {
  const failingSchedules = await sql<ScheduleHealth["failingSchedules"][number][]>`
    select s.name, s.poster, l.unposted, l.reason
    from ${schema}.schedule s cross join lateral (
      select count(*)::integer as times,
             count(*) filter (where outcome in ('skipped', 'missed', 'refused'))::integer
               as unposted,
             count(*) filter (where has_failed)::integer as failed,
             (array_agg(reason order by nominal_at desc) filter (where reason is not null))[1]
               as reason
      from (
        select f.outcome, f.nominal_at, f.reason, exists (
                 select from ${schema}.posting p
                 where p.id = f.posting_id and (p.failed > 0 or p.state = 'errored_out')
                 union all
                 select from ${schema}.posting p
                 where p.flow_id = f.flow_id and (p.failed > 0 or p.state = 'errored_out')
               ) as has_failed
        from ${schema}.fire f where f.schedule_id = s.id
        order by f.nominal_at desc limit 10) f) l
    where not s.is_paused and l.times = 10 and l.unposted + l.failed = 10
    order by s.name limit 100`;
  const [row] = await sql<Omit<ScheduleHealth, "failingSchedules">[]>`
    select (select count(*)::integer from (
              select ended_at from ${schema}.posting order by id limit 10000) oldest
            where ended_at < now() - interval '30 days') as old_postings,
           exists (select from ${schema}.schedule s
                   where ${schema}.prunes(s) and not is_paused) as has_prune,
           (select coalesce(json_agg(name), '[]') from (
              select name from ${schema}.schedule s
              where ${schema}.prunes(s) and not is_paused
                and fires_at < now() - interval '10 min' order by 1 limit 10) late) as late_prunes`;
  return { ...noSchedules, ...row, failingSchedules: [...failingSchedules] };
}
