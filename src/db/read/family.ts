import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/** A posting that a job posted, or whose jobs have posted others. */
export interface Family {
  id: number;
  /** The job that posted it, such as "41/7"; null for none. */
  parent: string | null;
  /** The number of postings that its jobs have posted, and the first five of them. */
  childCount: number;
  firstChildren: number[];
}

/** The parents and children of postings; of postings without any, nothing. */
export const readFamilies = ({ sql, schema }: Db, ids: readonly number[]) => sql<Family[]>`
  select p.id, c.parent_id || '/' || case
           when (select is_sorted from ${schema}.posting where id = c.parent_id)
           then ${schema}.index_of(c.parent_id, c.parent_seq) else c.parent_seq end as parent,
         b.count as child_count, b.first as first_children
  from ${schema}.posting p
    left join ${schema}.child c on c.posting_id = p.id
    cross join lateral (
      select count(*)::integer as count,
             coalesce(to_jsonb((array_agg(posting_id order by posting_id))[1:5]), '[]') as first
      from ${schema}.child where parent_id = p.id and posted_at is not null) b
  where p.id = any (${integers(ids)}::bigint[]) and (c.posting_id is not null or b.count > 0)
  order by p.id`;

/** These postings, and all postings below them. */
export async function readTrees({ sql, schema }: Db, ids: readonly number[]): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select distinct t.id from unnest(${integers(ids)}::bigint[]) as p (id)
      cross join lateral unnest(${schema}.tree_ids(p.id)) as t (id) order by t.id`;
  return rows.map(({ id }) => id);
}
