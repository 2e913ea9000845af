import type { Db, Tx } from "../connection/connect.ts";
import { edgeParts, edgesOf } from "./edge-query.ts";

type Schema = Db["schema"];

// Joins with tables are written as lookups (lateral, offset 0). Otherwise the planner, which does
// not know how few rows there are to join, may read a whole table.

/** The number of active postings that are shown before others, and of groups of failures. */
const maxActive = 200;
const mostGroups = 200;
/** The number of postings of one flow that are shown, the newest first. */
const mostStages = 200;

/**
 * One row with one value of JSON (`Row` in snapshot.ts). Reads all unfinished postings, with their
 * progress rows and the lanes that are not closed, and of ended ones only the shown ones. Shows up
 * to `most` postings, and as many more stages of their flows. Reads neither jobs nor outcomes.
 */
export const snapshotQuery = (sql: Tx, schema: Schema, most: number) => sql<{ value: unknown }[]>`
  ${countedParts(sql, schema)}
  ${chosenParts(sql, schema, most)}
  ${edgeParts(sql, schema)}
  ${otherParts(sql, schema)}
  ${documentOf(sql, schema)}`;

/**
 * The totals of unfinished postings. If a lane has a lease, the lease is active, or has left a
 * progress row: the newest lease is only looked up for those.
 */
const countedParts = (sql: Tx, schema: Schema) => sql`
  with recursive clock as (select clock_timestamp() as at),
  live_posting as materialized (
    select id, state, job_count, run_at, waits from ${schema}.posting where ended_at is null),
  live as materialized (
    select count(*) as postings, coalesce(sum(job_count), 0) as jobs from live_posting),
  total as materialized (
    select posting_id, sum(done) as done, sum(failed) as failed, sum(cancelled) as cancelled,
           sum(retrying) as retrying, sum(released) as released
    from ${schema}.progress group by posting_id),
  pool_jobs as materialized (
    select l.pool_id, r.posting_id, sum(r.end_seq - r.first_seq) as jobs
    from (select * from ${schema}.lease where active) l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs) as r (posting_id, first_seq, end_seq)
    group by l.pool_id, r.posting_id),
  lane as materialized (
    select posting_id, priority, effective_priority, first_seq, end_seq, true as is_open
    from ${schema}.lane where state = 'open'
    union all
    select l.posting_id, l.priority, l.effective_priority, l.first_seq, l.end_seq, false
    from live_posting p cross join lateral (
      select * from ${schema}.lane where posting_id = p.id and state = 'paused' offset 0) l
    where p.state in ('paused', 'errored_out') or p.run_at is not null or p.waits),
  taken as materialized (
    select l.posting_id, l.priority, e.seq - l.first_seq as jobs
    from (
      select * from lane
      where posting_id in (select posting_id from total union select posting_id from pool_jobs)
      offset 0) l
      cross join lateral ${schema}.lane_cursor(l.posting_id, l.priority) e),
  beyond as materialized (
    select coalesce(sum(l.end_seq - l.first_seq - coalesce(t.jobs, 0)), 0) as jobs,
           min(l.posting_id) filter (
             where l.is_open and l.end_seq - l.first_seq > coalesce(t.jobs, 0)) as oldest
    from lane l left join taken t on t.posting_id = l.posting_id and t.priority = l.priority),
  summed as materialized (
    select coalesce(sum(done), 0) as done, coalesce(sum(failed), 0) as failed,
           coalesce(sum(cancelled), 0) as cancelled, coalesce(sum(retrying), 0) as retrying,
           coalesce(sum(released), 0) + (select jobs from beyond) as waiting
    from total),`;

/** The shown postings, with their counts. */
const chosenParts = (sql: Tx, schema: Schema, most: number) => sql`
  worked_at as materialized (
    select posting_id as id from pool_jobs group by posting_id
    order by sum(jobs) desc, posting_id desc limit ${maxActive}),
  picked as materialized (
    select id, min(rank) as rank from (
      select id, 1 as rank from worked_at
      union all (
      select id, 2 from ${schema}.posting where ended_at is null order by id desc limit ${most})
      union all (
      select id, 3 from ${schema}.posting where ended_at is not null order by id desc
      limit (select greatest(${most} - postings, 0) from live))) c
    group by id order by rank, id desc limit ${most}),
  chosen as materialized (
    select id, rank from picked
    union all (
    select s.id, 4 from (
      select distinct p.flow_id from picked cross join lateral (
        select flow_id from ${schema}.posting where id = picked.id offset 0) p
      where p.flow_id is not null) f
      cross join lateral (
        select id from ${schema}.posting where flow_id = f.flow_id
        order by id desc limit ${mostStages}) s
    where s.id not in (select id from picked) order by s.id desc limit ${most})),
  shown as materialized (
    select c.rank, p.*, r.poster, r.project, r.needs, n.next_priority, f.name as flow_name,
           p.ended_at is null as is_live,
           coalesce(n.jobs, 0) + coalesce(t.released, 0) as waiting,
           coalesce(t.retrying, 0) as retrying, p.done + coalesce(t.done, 0) as all_done,
           p.failed + coalesce(t.failed, 0) as all_failed,
           p.cancelled + coalesce(t.cancelled, 0) as all_cancelled
    from chosen c
      cross join lateral (select * from ${schema}.posting where id = c.id offset 0) p
      cross join lateral (
        select poster, needs, nullif(project, '') as project from ${schema}.route
        where id = p.route_id offset 0) r
      left join lateral (
        select name from ${schema}.flow where id = p.flow_id offset 0) f on true
      left join total t on t.posting_id = c.id
      left join (
        select l.posting_id, sum(l.end_seq - l.first_seq - coalesce(t.jobs, 0)) as jobs,
               max(l.effective_priority) filter (
                 where l.end_seq - l.first_seq > coalesce(t.jobs, 0)) as next_priority
        from lane l left join taken t on t.posting_id = l.posting_id and t.priority = l.priority
        where l.posting_id in (select id from chosen)
        group by l.posting_id) n on n.posting_id = c.id),`;

/** Pools, and groups of failures. */
const otherParts = (sql: Tx, schema: Schema) => sql`
  pool as (
    select p.number as id, p.host, p.pid, p.state, p.slots, p.busy, p.recent, p.refused, p.project,
      p.provides, p.free, p.postings, p.heartbeat_timeout_ms,
      coalesce((
      select json_agg(json_build_object('posting', h.posting_id, 'name', h.name, 'jobs', h.jobs))
      from (
        select posting_id, coalesce(g.name, substring(g.entry_point from '[^#]*$')) as name, jobs
        from (
          select * from pool_jobs where pool_id = p.id order by jobs desc, posting_id limit 3) few
          cross join lateral (
            select name, entry_point from ${schema}.posting where id = posting_id offset 0) g
        order by jobs desc, posting_id) h), '[]') as holds,
      extract(epoch from clock.at - p.heartbeat_at) * 1000 as beat_ago_ms
    from clock cross join (
      select id from ${schema}.pool where state in ('up', 'draining')
      union
      select id from ${schema}.pool where refused > 0 and heartbeat_at > now() - interval '1 day'
        and number > (select max(number) - 1000 from ${schema}.pool)) wanted
      cross join lateral (
        select id, number, host, pid, state, slots, busy, recent, refused, project,
               provides, free, postings, heartbeat_timeout_ms, heartbeat_at
        from ${schema}.pool where id = wanted.id offset 0) p),
  grouped as (
    select s.id, f.fingerprint, sum(f.jobs) as jobs, min(f.first_at) as first_at,
           max(f.last_at) as last_at,
           (array_agg(f.seq order by f.last_at desc nulls last))[1] as seq,
           (array_agg(f.name order by f.last_at desc nulls last))[1] as name,
           (array_agg(f.message order by f.last_at desc nulls last))[1] as message
    from shown s cross join lateral (
      select * from ${schema}.failure where posting_id = s.id limit 500) f
    where s.all_failed > 0
    group by s.id, f.fingerprint having sum(f.jobs) > 0
    order by max(f.last_at) desc nulls last limit ${mostGroups})`;

/** The whole snapshot as JSON. */
const documentOf = (sql: Tx, schema: Schema) => sql`
  select json_build_object(
    'at', clock.at,
    'readOnly', case
      when pg_is_in_recovery() then 'the server is a standby'
      when current_setting('transaction_read_only')::boolean
       then 'the server does not accept writes'
      when not ${schema}.has_grant('operator', 'poster')
        then format('the role %s can only read', ${schema}.caller()) end,
    'postings', (${postingsOf(sql, schema)}),
    'edges', (${edgesOf(sql)}),
    'open', live.postings,
    'jobs', json_build_object(
      'waiting', waiting, 'retrying', retrying, 'done', done, 'failed', failed,
      'cancelled', cancelled,
      'running', live.jobs - waiting - retrying - done - failed - cancelled),
    'oldestWaitingMs', (
      select extract(epoch from clock.at - posted_at) * 1000 from ${schema}.posting
      where id = (select oldest from beyond)),
    'pools', (${poolsOf(sql)}),
    'failures', (select coalesce(json_agg(json_build_object(
      'postingId', id, 'fingerprint', fingerprint, 'count', jobs, 'firstAt', first_at,
      'lastAt', last_at, 'message', concat_ws(': ', name, message),
      'job', id || '/' || coalesce((
        select ${schema}.index_of(p.id, grouped.seq) from ${schema}.posting p
        where p.id = grouped.id and p.is_sorted), grouped.seq))
      order by jobs desc, last_at desc), '[]') from grouped)) as value
  from clock, live, summed`;

const postingsOf = (sql: Tx, schema: Schema) => sql`
    select coalesce(json_agg(json_build_object(
      'id', id, 'name', name, 'entryPoint', entry_point, 'command', command,
      'jobCount', job_count, 'state', state,
      'reason', coalesce(reason, case when has_refusals then ${schema}.refusal_of(id) end),
      'poster', poster, 'project', project, 'priority', next_priority, 'postedAt', posted_at,
      'runAt', run_at, 'needs', needs, 'endedAt', ended_at, 'waits', waits,
      'flow', case when flow_id is not null then json_build_object(
        'id', flow_id, 'name', flow_name, 'stage', stage) end, 'jobs', json_build_object(
        'waiting', waiting + leased - running, 'retrying', coalesce(retrying, 0),
        'done', all_done, 'failed', all_failed, 'cancelled', all_cancelled, 'running', running))
      order by rank, id desc), '[]')
    from shown
      cross join lateral (
        select case when is_live then
          job_count - waiting - retrying - all_done - all_failed - all_cancelled
          else 0 end as leased) l
      -- L4: of the leased jobs, at most max_running run.
      cross join lateral (select least(max_running, leased) as running) r
      cross join (select exists (select from ${schema}.refusal) as has_refusals) any_refusal`;

const poolsOf = (sql: Tx) => sql`
    select coalesce(json_agg(json_build_object(
      'id', id, 'host', host, 'pid', pid, 'state', state, 'slots', slots, 'busy', busy,
      'recent', recent, 'beatAgoMs', beat_ago_ms, 'refused', refused, 'project', project,
      'provides', provides, 'free', free, 'postings', postings, 'holds', holds,
      'isStale', state in ('up', 'draining') and beat_ago_ms > heartbeat_timeout_ms)
        order by id), '[]')
      from pool`;
