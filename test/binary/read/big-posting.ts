import type { TestDatabase } from "../../database.ts";

/** A posting whose jobs are all done, with results of 100 characters. */
export async function bigPosting({ sql }: TestDatabase, count: number): Promise<void> {
  await sql`insert into pdoflow.route (poster, poster_os) values ('a', 'a')`;
  await sql`
    insert into pdoflow.posting (id, entry_point, job_count, route_id, state, ended_at, done)
    values (1, 'a.ts#b', ${count}, 1, 'finished', now(), ${count})`;
  await sql`
    insert into pdoflow.job (posting_id, seq, args)
    select 1, n, '[]' from generate_series(0, ${count - 1}::integer) as n`;
  await sql`
    insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                                 duration_ms, state, result)
    select 1, 1, now(), n, 1, 1, 1, 'done', to_json(repeat('x', 100))
    from generate_series(0, ${count - 1}::integer) as n`;
}
