// Short words for the stories of prune and of the spans.
import type { Db } from "../../../src/db/connection/connect.ts";
import { keepRoom } from "../../../src/db/posting/insert.ts";
import type { PruneOptions } from "../../../src/db/admin/prune.ts";
import { jobsOf, newPool, postJobs, record, takeAll } from "../engine.ts";

export const all: PruneOptions = { olderThanMs: 0, states: ["finished", "cancelled"] };

/** Posts and ends jobs; the end was N days ago. */
export async function postEnded(
  db: Db,
  count: number,
  { daysAgo = 10, keepMs = null as number | null } = {},
) {
  const id = await postJobs(db, count, { keepMs });
  const pool = await newPool(db);
  await record(db, pool, jobsOf(await takeAll(db, pool)));
  await age(db, id, daysAgo);
  return id;
}

const age = ({ sql }: Db, id: number, days: number) => sql`
  update pdoflow.posting set ended_at = ended_at - ${days} * interval '1 day' where id = ${id}`;

/** The postings of which any row exists, by table. */
export async function kept({ sql }: Db) {
  const [row] = await sql<Record<string, string | null>[]>`
    select (select string_agg(id::text, ' ' order by id) from pdoflow.posting) as posting,
           (select string_agg(distinct posting_id::text, ' ') from pdoflow.lane) as lane,
           (select string_agg(distinct posting_id::text, ' ') from pdoflow.job) as job,
           (select string_agg(distinct posting_id::text, ' ') from pdoflow.outcome) as outcome,
           (select string_agg(distinct u.id::text, ' ')
            from pdoflow.lease cross join lateral unnest(posting_ids) as u (id)) as lease,
           (select string_agg(posting_id::text, ' ') from pdoflow.pruned) as pruned`;
  return row;
}

export const everywhere = (ids: string | null) => ({
  posting: ids,
  lane: null, // deleted with the claim of its last job
  job: ids,
  outcome: ids,
  lease: ids,
  pruned: null,
});

export const spans = async ({ sql }: Db) => [
  ...(await sql<{ first: number; end: number; bytes: number }[]>`
    select first_id as first, end_id as end,
           (pg_relation_size(jobs) + pg_relation_size(outcomes))::integer as bytes
    from pdoflow.span order by first_id`),
];

/** From now on every span is full as soon as anything is in it. */
export const fillUp = ({ sql }: Db) => sql`update pdoflow.span set full_bytes = 1`;

/** Uses up the numbers of the newest span, so that the next posting is in another. */
export async function opensSpan(db: Db): Promise<number> {
  await db.sql`
    select setval('pdoflow.posting_id_seq', (select max(end_id) - 1 from pdoflow.span))`;
  await keepRoom(db);
  return await postEnded(db, 1);
}
