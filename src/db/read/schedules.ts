import type { FireOutcome } from "../../domain/fire-outcomes.ts";
import type { Db } from "../connection/connect.ts";

/** A schedule in an overview. */
export interface ScheduleOverview {
  name: string;
  poster: string;
  timing: string;
  zone: string;
  isPaused: boolean;
  /** The next time with its jitter; null if there is none. */
  firesAt: Date | null;
  /** Its last time; null if there was none. */
  lastAt: Date | null;
  lastOutcome: FireOutcome | null;
  lastReason: string | null;
  /** What the last time posted. */
  postingId: number | null;
  flowId: number | null;
  /**
   * Times of the last 7 days that no pool fired, or that were refused; and of a run of missed times
   * that reaches into these days, all.
   */
  missed: number;
}

/** The schedules that the caller can see, the next ones first; `most` of them. */
export const readScheduleOverview = ({ sql, schema }: Db, most: number) => sql<ScheduleOverview[]>`
  select s.name, s.poster, s.timing, s.zone, s.is_paused, s.fires_at, f.nominal_at as last_at,
         f.outcome as last_outcome, f.reason as last_reason, f.posting_id, f.flow_id, m.missed
  from (select * from ${schema}.schedule
        order by is_paused, fires_at nulls last, name limit ${most}) s
    left join lateral (
      select * from ${schema}.fire f where f.schedule_id = s.id
      order by nominal_at desc limit 1) f on true
    cross join lateral (
      select coalesce(sum(f.times), 0)::float8 as missed from ${schema}.fire f
      where f.schedule_id = s.id
        and coalesce(f.last_at, f.nominal_at) > now() - interval '7 days'
        and f.outcome in ('missed', 'refused')) m
  order by s.is_paused, s.fires_at nulls last, s.name`;

/** Why a schedule does not fire although it is not paused; null if it does. */
export async function readScheduleObstacle(
  { sql, schema }: Db,
  name: string,
): Promise<string | null> {
  const [row] = await sql<{ why: string | null }[]>`
    select ${schema}.schedule_obstacle(${name}) as why`;
  return row?.why ?? null;
}

/** The time of the database. */
export async function readClock({ sql }: Db): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
  if (!row) throw new Error("a select without from returned no row");
  return row.now;
}
