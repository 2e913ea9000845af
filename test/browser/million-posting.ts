import type { Db } from "../../src/db/connection/connect.ts";
import { postJobs } from "../db/engine.ts";

/**
 * A posting of a million jobs that have ended within an hour in eight pools, in runs of up to 1,000
 * jobs. Written by one statement: to run them would take a minute. Returns its number.
 */
export async function postMillion(db: Db): Promise<number> {
  const id = await postJobs(db, 1, { name: "million" });
  await db.sql`
    insert into pdoflow.pool (host, pid, version, os_user, slots, state, started_at)
    select 'node' || n, n, 'test', 'ada', 16, 'stopped', now() - interval '2 h'
    from generate_series(1, 8) as n`;
  await db.sql`
    insert into pdoflow.lease (id, pool_id, active, posting_ids, first_seqs, end_seqs, attempts)
    select n, (select min(id) from pdoflow.pool where version = 'test') + n % 8, false,
           array[${id}::bigint], array[n * 1000], array[n * 1000 + 1000], array[1]
    from generate_series(0, 999) as n`;
  await db.sql`
    insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                     ended_at, offsets_ms, durations_us, worker_pids)
    select ${id}, 1, n * 1000, n * 1000 + 1000, n, 'done',
           now() - interval '1 h' + n * interval '3.5 s',
           (select array_agg(i * 3 order by i) from generate_series(0, 999) as i),
           (select array_agg((exp(5 + 3 * random() + 3 * random()))::bigint + 0 * n * i)
            from generate_series(0, 999) as i), '{1}'
    from generate_series(0, 999) as n`;
  await db.sql`
    update pdoflow.posting
    set job_count = 1000000, done = 1000000, state = 'finished',
        posted_at = now() - interval '61 min', ended_at = now()
    where id = ${id}`;
  await db.sql`delete from pdoflow.lane where posting_id = ${id}`;
  return id;
}
