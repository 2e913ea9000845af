import { integers } from "../connection/array.ts";
import { type Db, errorCode } from "../connection/connect.ts";

const denied = "42501";

/**
 * The jobs of each posting that ended per second, lately: within a minute, at most, from the newest
 * 300 runs of outcomes. A posting of which none has is omitted, and so are all for a role that may
 * not read outcomes.
 */
export async function readPaces(
  { sql, schema }: Db,
  postingIds: readonly number[],
): Promise<Map<number, number>> {
  if (postingIds.length === 0) return new Map();
  const rows = await sql<{ id: number; perSecond: number }[]>`
    select wanted.id, recent.jobs / greatest(recent.seconds, 1) as per_second
    from unnest(${integers(postingIds)}::bigint[]) as wanted (id) cross join lateral (
      select sum(end_seq - first_seq)::float8 as jobs,
             extract(epoch from clock_timestamp() - min(ended_at))::float8 as seconds
      from (
        select first_seq, end_seq, ended_at from ${schema}.outcome_run
        where posting_id = wanted.id and attempt = 1 order by first_seq desc limit 300) newest
      where ended_at > clock_timestamp() - interval '1 minute') recent
    where recent.jobs > 0`.catch((error: unknown) => {
    if (errorCode(error) === denied) return [];
    throw error;
  });
  return new Map(rows.map(({ id, perSecond }) => [id, perSecond]));
}
