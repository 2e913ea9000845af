import type { TestDatabase } from "../../database.ts";

/** A posting whose jobs are all done, with results of 100 characters. */
export async function bigPosting({ sql }: TestDatabase, count: number): Promise<void> {
  await sql`insert into pdoflow.route (poster, poster_os) values ('a', 'a')`;
  await sql`
    insert into pdoflow.posting (id, entry_point, job_count, route_id, state, ended_at, done)
    values (1, 'a.ts#b', ${count}, 1, 'finished', now(), ${count})`;
  await sql`
    insert into pdoflow.job (posting_id, first_seq, end_seq, args)
    select 1, n, end_seq, repeat(e'[]\\n', end_seq - n - 1) || '[]'
    from generate_series(0, ${count - 1}::integer, 1000) as n
      cross join lateral (select least(n + 1000, ${count}::integer) as end_seq) b`;
  await sql`
    insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                     ended_at, offsets_ms, durations_us, worker_pids, results)
    select 1, 1, n, end_seq, 1, 'done', now(), array_fill(0, array[end_seq - n]),
           array_fill(1000, array[end_seq - n]), '{1}',
           repeat(to_json(repeat('x', 100)) || e'\\n', end_seq - n - 1) || to_json(repeat('x', 100))
    from generate_series(0, ${count - 1}::integer, 1000) as n
      cross join lateral (select least(n + 1000, ${count}::integer) as end_seq) b`;
}
