import type { OutcomeState } from "../../../domain/attempt.ts";
import { integers } from "../../connection/array.ts";
import type { Db } from "../../connection/connect.ts";
import { inRead } from "./in-read.ts";

/** An attempt that took longer than others. */
export interface SlowAttempt {
  postingId: number;
  index: number;
  attempt: number;
  state: OutcomeState;
  durationMs: number;
  endedAt: Date;
  host: string | null;
  /** The beginning of its arguments as JSON text; null unless asked for. */
  args: string | null;
}

const mostCharacters = 500;

/** The attempts of postings that took longest: `most`, the longest first. */
export const readSlowest = (
  db: Db,
  postingIds: readonly number[],
  { most, withArgs }: { most: number; withArgs: boolean },
): Promise<SlowAttempt[]> => {
  const { schema } = db;
  return inRead(
    db,
    (sql) => sql<SlowAttempt[]>`
      with run as (
        select r.posting_id, r.attempt, r.first_seq, case
                 when r.end_seq - r.first_seq = 1 then r.durations_us[1]
                 else (select max(us) from unnest(r.durations_us) as us) end as longest_us
        from ${schema}.outcome_run r
        where r.posting_id = any (${integers(postingIds)}::bigint[])
        order by longest_us desc limit ${most}),
      slow as (
        select r.posting_id, r.attempt, r.state, r.lease_id, o.seq, o.ended_at, o.duration_ms
        from run join ${schema}.outcome_run r using (posting_id, attempt, first_seq)
          cross join lateral ${schema}.each_outcome(r, false, false) o
        order by o.duration_ms desc, r.posting_id, o.seq limit ${most})
      select s.posting_id, s.attempt, s.state, s.ended_at, w.host,
             case when p.is_sorted then ${schema}.index_of(p.id, s.seq) else s.seq end as index,
             s.duration_ms::float8 as duration_ms, ${
               withArgs
                 ? sql`(select left(j.args::text, ${mostCharacters})
                        from ${schema}.jobs_between(p.id, s.seq, s.seq + 1, true) j)`
                 : sql`null`
             } as args
      from slow s join ${schema}.posting p on p.id = s.posting_id
        left join ${schema}.lease l on l.id = s.lease_id
        left join ${schema}.pool w on w.id = l.pool_id
      order by s.duration_ms desc, s.posting_id, s.seq`,
  );
};
