import type { Db, Tx } from "../connection/connect.ts";

/** The number of edges that one snapshot reads. */
const mostEdges = 5_000;

/**
 * The edges of the shown postings (`shown` in snapshot-query.ts), and those of the postings above
 * them that wait themselves; and why upstreams keep edges from being met, once for all edges that
 * wait for them in the same way.
 */
export const edgeParts = (sql: Tx, schema: Db["schema"]) => sql`
  above as (
    select s.id as posting_id, e.upstream_id, e.kind, e.tolerate_jobs, e.tolerate_percent,
           e.skipped, e.met_at is not null and not e.feeds as is_met, e.lapsed,
           s.if_blocked = 'hold' as is_held
    from shown s cross join lateral (
      select * from ${schema}.edge where posting_id = s.id offset 0) e
    union
    select e.posting_id, e.upstream_id, e.kind, e.tolerate_jobs, e.tolerate_percent, e.skipped,
           false, false, true
    from above a cross join lateral (
        select id, waits from ${schema}.posting
        where id = a.upstream_id and if_blocked = 'hold' and ended_at is null offset 0) p
      cross join lateral (
        select * from ${schema}.edge where posting_id = p.id
        and (p.waits and met_at is null and not lapsed or feeds) offset 0) e
    where not a.is_met and not a.lapsed),
  edge_row as materialized (select * from above limit ${mostEdges}),
  obstacle as materialized (
    select e.upstream_id, e.kind, e.tolerate_jobs, e.tolerate_percent, o.reason,
           u.id is null or u.ended_at is not null
             and (${schema}.tree_of(u)).ended_at is not null as has_ended
    from (
      select upstream_id, kind, tolerate_jobs, tolerate_percent, min(posting_id) as posting_id
      from edge_row where not is_met and not lapsed group by 1, 2, 3, 4) w
      cross join lateral (
        select * from ${schema}.edge
        where posting_id = w.posting_id and upstream_id = w.upstream_id and kind = w.kind
        offset 0) e
      left join lateral (
        select * from ${schema}.posting where id = w.upstream_id offset 0) u on true
      cross join lateral (
        select ${schema}.obstacle_of(e, ${schema}.tree_of(u)) as reason offset 0) o
    -- Nothing of an upstream that waits itself has happened.
    where not coalesce(u.waits and u.ended_at is null and u.state <> 'cancelled', false)
      and o.reason is not null),`;

/** These edges as JSON. */
export const edgesOf = (sql: Tx) => sql`
    select coalesce(json_agg(json_build_object(
      'postingId', e.posting_id, 'upstreamId', e.upstream_id, 'kind', e.kind, 'isMet', e.is_met,
      'hasLapsed', e.lapsed, 'isHeld', e.is_held, 'skipped', e.skipped, 'cause', o.reason,
      'hasEnded', coalesce(o.has_ended, false))
      order by e.posting_id, e.upstream_id, e.kind), '[]')
    from edge_row e left join obstacle o
      on not e.is_met and not e.lapsed and o.upstream_id = e.upstream_id and o.kind = e.kind
        and o.tolerate_jobs is not distinct from e.tolerate_jobs
        and o.tolerate_percent is not distinct from e.tolerate_percent`;
