// Queues of a given size, made by SQL: posting ten million jobs is what another case measures.
import { insertPosting } from "../src/db/posting/insert.ts";
import type { Db } from "../src/db/connection/connect.ts";
import { registerPool } from "../src/db/engine/pools.ts";

const jobsAPosting = 10_000;
const postingsAStep = 50;

/** Posts jobs in postings of 10,000 each, with what the library would write. */
export async function fill(db: Db, jobs: number): Promise<void> {
  for (let left = jobs / jobsAPosting; left > 0; left -= postingsAStep) {
    await addPostings(db, Math.min(left, postingsAStep));
  }
}

async function addPostings(db: Db, count: number): Promise<void> {
  const posting = { entryPoint: "jobs.ts#noop", priority: 0, osUser: "bench" };
  const args = Array.from({ length: jobsAPosting }, (_, i) => `[${i},${i / 2},"file-${i}.txt"]`);
  const { id } = await insertPosting(db, posting, [{ args }], "the bench");
  const more = count - 1;
  if (more === 0) return;
  await db.sql`select pdoflow.open_span(${more})`;
  await db.sql.begin(async (sql) => {
    // In the newest span, whose ids the sequence gives out (X1).
    await sql`
      insert into pdoflow.posting (id, entry_point, job_count, route_id)
      select nextval('pdoflow.posting_id_seq'), entry_point, job_count, route_id
      from pdoflow.posting, generate_series(1, ${more}) where id = ${id}`;
    await sql`
      insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
      select id, 0, 0, job_count, route_id from pdoflow.posting where id > ${id}`;
    await sql`
      insert into pdoflow.job (posting_id, first_seq, end_seq, args)
      select p.id, j.first_seq, j.end_seq, j.args from pdoflow.posting p, pdoflow.job j
      where p.id > ${id} and j.posting_id = ${id}`;
  });
}

/** Ends every job that is there, as a pool would that claimed each posting with one lease. */
export async function endAll(db: Db): Promise<void> {
  const poolId = await registerPool(db, {
    ...{ host: "bench", pid: process.pid, version: "bench", osUser: "bench", slots: 1 },
    ...{ heartbeatTimeoutMs: 3_600_000, provides: {}, posters: null },
  });
  await db.sql.begin(async (sql) => {
    await sql`
      insert into pdoflow.lease (pool_id, active, lane_posting_id, lane_priority, lane_first_seq,
                                 lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
      select ${poolId}, false, posting_id, priority, 0, end_seq, array[posting_id],
             array[0], array[end_seq], array[1] from pdoflow.lane`;
    await sql`
      insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                                   duration_ms, state)
      select p.id, l.id, now(), seq, 1, 1, 1, 'done'
      from pdoflow.posting p join pdoflow.lease l on l.lane_posting_id = p.id
        cross join lateral generate_series(0, p.job_count - 1) as j (seq)`;
    await sql`
      update pdoflow.lane set state = 'closed', closed_by = l.id
      from pdoflow.lease l where l.lane_posting_id = lane.posting_id`;
    await sql`
      update pdoflow.posting set state = 'finished', ended_at = now(), done = job_count`;
  });
}
