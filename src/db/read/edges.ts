import type { EdgeFacts } from "../../domain/edge-text.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";

/**
 * The edges of postings, by posting, in the order of their upstreams. Reads the edges and the
 * totals of their upstreams; of blocked ones also the edges above.
 */
export async function readEdges(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, EdgeFacts[]>> {
  if (ids.length === 0) return new Map();
  const rows = await sql<EdgeFacts[]>`
    select e.*, c.state as cause_state, u.state as upstream_state, u.waits as upstream_waits,
      u.ended_at is not null as upstream_has_ended, coalesce(u.command, u.entry_point) as work,
      case when u.ended_at is not null then 100 else (
        select (coalesce(sum(done + failed + cancelled), 0) * 100
                / greatest(u.job_count, 1))::integer
        from ${schema}.progress g where g.posting_id = u.id) end as percent
    from ${schema}.edge_states(${integers(ids)}::bigint[]) e
      left join ${schema}.posting u on u.id = e.upstream_id
      left join ${schema}.posting c on c.id = e.cause_id
    order by e.posting_id, e.upstream_id, e.kind`;
  const byPosting = new Map<number, EdgeFacts[]>();
  for (const row of rows) {
    byPosting.set(row.postingId, [...(byPosting.get(row.postingId) ?? []), row]);
  }
  return byPosting;
}
