-- Element-wise edges (E1 to E3): job i of a posting is released when job i of its upstream is done.

-- Locks that keep outcomes from being released twice or never (E1). A transaction that records done
-- jobs has the lock of their posting shared; one that meets an edge has the lock of the upstream
-- alone. Each takes it before the statement in which the one looks for met edges, and the other
-- reads the outcomes. So if recording has the lock first, meeting waits for its commit, and reads
-- its outcomes; if meeting has it first, recording waits for that commit, and finds the edge met. A
-- check for edges without the lock would not do: a posting and its edge may appear right after it.
-- There are few locks, because a batch may have outcomes of many postings.
create function pdoflow.share_feeds(p_sums pdoflow.outcome_sum[]) returns void
language plpgsql as $$
begin
  if cardinality(p_sums) = 1 then -- without a query
    if p_sums[1].done > 0 then
      perform pg_advisory_xact_lock_shared(1885631076, (p_sums[1].posting_id % 16)::integer);
    end if;
  else
    perform pg_advisory_xact_lock_shared(1885631076, k.key)
    from (select distinct (posting_id % 16)::integer as key from unnest(p_sums)
          where done > 0 order by 1) k;
  end if;
end $$;

-- Returns the met edges whose upstreams have done jobs in a batch. Locks their postings, so that
-- pausing and cancelling see what is released (Y2), and in the same order the postings that get
-- retries or may end with this batch.
create function pdoflow.lock_fed(p_sums pdoflow.outcome_sum[]) returns pdoflow.edge[]
language plpgsql set jit = off set enable_seqscan = off set enable_mergejoin = off
set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_edges pdoflow.edge[];
  v_row record;
begin
  perform pdoflow.share_feeds(p_sums);
  -- Separate statements after the lock.
  if not exists (select from pdoflow.edge where feeds) then return '{}'; end if;
  v_edges := array(
    select e from unnest(p_sums) s
      join pdoflow.edge e on e.upstream_id = s.posting_id and e.feeds and e.met_at is not null
    where s.done > 0);
  if cardinality(v_edges) = 0 then return v_edges; end if;
  for v_row in
    select id, bool_or(changes) as changes from (
      select e.posting_id as id, false as changes from unnest(v_edges) e
      union all
      select s.posting_id, true from unnest(p_sums) s join pdoflow.posting p on p.id = s.posting_id
      where s.retried > 0 or p.job_count <= s.jobs) w
    group by id order by id
  loop
    if v_row.changes then
      perform from pdoflow.posting where id = v_row.id for no key update;
    else
      perform from pdoflow.posting where id = v_row.id for share;
    end if;
  end loop;
  return v_edges;
end $$;

-- Releases the jobs whose jobs of the upstream are done in this batch, by these edges (lock_fed).
create function pdoflow.release_elements(
  p_edges pdoflow.edge[], p_batch pdoflow.outcome_batch, p_skip bigint[]
) returns void language plpgsql set jit = off set enable_seqscan = off set enable_mergejoin = off
set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_open bigint[];
begin
  with done as materialized (
    select posting_id, range_agg(int4range(first_seq, end_seq)) as seqs
    from unnest(p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.states) with ordinality
      as b (posting_id, first_seq, end_seq, state, position)
    where state = 'done' and position <> all (p_skip) group by posting_id),
  released as (
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select p.id, coalesce(p.override_priority, p.priority), p.route_id, lower(r.seqs),
           upper(r.seqs), 1, pdoflow.due_now(p)
    from unnest(p_edges) e join pdoflow.posting p on p.id = e.posting_id
      join done d on d.posting_id = e.upstream_id cross join lateral unnest(d.seqs) as r (seqs)
    where p.state <> 'cancelled'
    order by p.id, lower(r.seqs)
    returning posting_id, due_at)
  select array_agg(distinct posting_id) into v_open from released where due_at < 'infinity';
  if v_open is not null then
    perform pdoflow.wake(v_open);
  end if;
end $$;

-- When jobs of a posting are due that are released now (Y2).
create function pdoflow.due_now(p_posting pdoflow.posting) returns timestamptz
language sql stable return
  case when p_posting.state = 'open' and not p_posting.waits and p_posting.run_at is null
       then now() else 'infinity' end;

-- Meets the element-wise edges of up to p_limit new postings after p_after, which have one of
-- p_upstreams, or any if that is null: releases the jobs whose jobs of the upstream are done
-- already. Skips postings that are locked: polling finds them again. Call this first in a
-- transaction. Returns the last posting that it checked, null if there is none.
create function pdoflow.meet_elements(
  p_upstreams bigint[], p_after bigint, p_limit integer, p_routes integer[],
  out last_id bigint, out opened integer
) language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_edges pdoflow.edge[];
  v_edge pdoflow.edge;
  v_ids bigint[];
begin
  opened := 0;
  if p_upstreams is null then
    v_edges := array(
      select e from pdoflow.edge e where feeds and met_at is null and posting_id > p_after
      order by posting_id limit p_limit);
  else
    v_edges := array(
      select e from unnest(p_upstreams) as u (id)
        join pdoflow.edge e on e.upstream_id = u.id and e.feeds and e.met_at is null
      where e.posting_id > p_after order by e.posting_id limit p_limit);
  end if;
  last_id := (select max(posting_id) from unnest(v_edges) e);
  if last_id is null then return; end if;
  perform pg_advisory_xact_lock(1885631076, k.key)
  from (select distinct (upstream_id % 16)::integer as key from unnest(v_edges) order by 1) k;
  v_ids := array(
    select id from pdoflow.posting
    where id = any (array(select posting_id from unnest(v_edges) e)) and state <> 'cancelled'
      and (p_routes is null or route_id = any (p_routes))
    order by id for no key update skip locked);
  foreach v_edge in array v_edges loop
    -- A statement after the locks, for each upstream by itself, which the server then finds in one
    -- span.
    update pdoflow.edge set met_at = now()
    where posting_id = v_edge.posting_id and posting_id = any (v_ids) and feeds
      and met_at is null;
    continue when not found;
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select p.id, coalesce(p.override_priority, p.priority), p.route_id, lower(r.seqs),
           upper(r.seqs), 1, 'infinity'
    from pdoflow.posting p
      cross join lateral unnest(pdoflow.done_ranges(v_edge.upstream_id)) as r (seqs)
    where p.id = v_edge.posting_id order by lower(r.seqs);
  end loop;
  opened := cardinality(pdoflow.open_met(v_ids));
end $$;

-- The done jobs of a posting.
create function pdoflow.done_ranges(p_posting bigint) returns int4multirange
language plpgsql set jit = off set enable_seqscan = off as $$
begin
  return coalesce(
    (select int4multirange(int4range(0, job_count)) from pdoflow.posting
     where id = p_posting and done = job_count),
    (select range_agg(int4range(first_seq, end_seq)) from pdoflow.outcome_run
     where posting_id = p_posting and state = 'done'),
    '{}');
end $$;

-- Counts the jobs as skipped whose jobs of an ended upstream failed or were cancelled (E3), of up
-- to p_limit postings after p_after, which have one of p_upstreams, or any if that is null. Returns
-- the last posting that it checked, null if there is none. Skips postings that are locked, and so
-- are their upstreams while their failed jobs are retried: polling finds them again.
create function pdoflow.skip_elements(
  p_upstreams bigint[], p_after bigint, p_limit integer, p_routes integer[],
  out last_id bigint, out skipping integer
) language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_edges pdoflow.edge[];
  v_ids bigint[];
  v_ended bigint[];
begin
  skipping := 0;
  if p_upstreams is null then
    v_edges := array(
      select e from pdoflow.edge e where feeds and posting_id > p_after
      order by posting_id limit p_limit);
  else
    v_edges := array(
      select e from unnest(p_upstreams) as u (id)
        join pdoflow.edge e on e.upstream_id = u.id and e.feeds
      where e.posting_id > p_after order by e.posting_id limit p_limit);
  end if;
  last_id := (select max(posting_id) from unnest(v_edges) e);
  if last_id is null then return; end if;
  perform pdoflow.cancel_fed(v_edges, p_routes);
  -- Without locks: nearly all of them still run.
  v_edges := array(
    select e from unnest(v_edges) e join pdoflow.posting u on u.id = e.upstream_id
    where e.met_at is not null and u.ended_at is not null);
  if cardinality(v_edges) = 0 then return; end if;
  v_ids := array(
    select id from pdoflow.posting
    where id = any (array(select posting_id from unnest(v_edges) e))
      and (p_routes is null or route_id = any (p_routes))
    order by id for no key update skip locked);
  v_ended := array(
    select id from pdoflow.posting
    where id = any (array(select upstream_id from unnest(v_edges) e)) and ended_at is not null
    order by id for share skip locked);
  -- Separate statements after the locks. All done jobs of the upstreams were released (E1).
  with ended as (
    update pdoflow.edge e set feeds = false, skipped = u.failed + u.cancelled
    from pdoflow.posting u
    where e.posting_id = any (v_ids) and e.upstream_id = any (v_ended) and e.feeds
      and e.met_at is not null and u.id = e.upstream_id
    returning e.posting_id, e.skipped)
  insert into pdoflow.progress (posting_id, cancelled, released)
  select posting_id, skipped, -skipped from ended where skipped > 0;
  get diagnostics skipping = row_count;
  perform pdoflow.finish(v_ids);
end $$;

-- Cancels the postings of these edges that are to be cancelled if they are blocked, and are.
create function pdoflow.cancel_fed(p_edges pdoflow.edge[], p_routes integer[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_id bigint;
  v_reason text;
begin
  for v_id in
    select p.id from unnest(p_edges) e join pdoflow.posting p on p.id = e.posting_id
    where p.if_blocked = 'cancel' and not p.waits and p.ended_at is null
      and p.state <> 'cancelled' and (p_routes is null or p.route_id = any (p_routes))
    order by p.id
  loop
    v_reason := (select string_agg(distinct reason, '; ') from pdoflow.obstacles(v_id)
                 where has_ended);
    continue when v_reason is null;
    perform from pdoflow.posting where id = v_id for no key update skip locked;
    continue when not found;
    perform pdoflow.cancel_postings(array[v_id], true, format('blocked: %s', v_reason), true);
  end loop;
end $$;

-- The postings that follow one by element-wise edges, directly or not.
create function pdoflow.elements_below(p_posting bigint) returns bigint[]
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return array(
    with recursive below (id) as (
      select e.posting_id from pdoflow.edge e
      where e.upstream_id = p_posting and e.kind in ('each', 'over')
      union
      select e.posting_id from below b
        join pdoflow.edge e on e.upstream_id = b.id and e.kind in ('each', 'over'))
    select id from below order by id);
end $$;

-- Lets the skipped jobs wait again that follow a posting, directly or not, after its failed jobs
-- were retried by hand (E3): its row is locked. Postings of them that had ended are open again
-- (P2).
create function pdoflow.unskip_elements(p_posting bigint) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_again bigint[] := array[p_posting];
  v_edge pdoflow.edge;
begin
  if not exists (select from pdoflow.edge where upstream_id = p_posting) then return; end if;
  -- By id, and for one upstream after the other: a posting comes after its upstream (W1). As long
  -- as an upstream is locked, nothing that follows it is counted as skipped.
  perform from pdoflow.posting where id = any (pdoflow.elements_below(p_posting))
  order by id for no key update;
  -- A posting of this moment is not locked yet, and its id is nearly always the highest.
  perform from pdoflow.posting where id = any (pdoflow.elements_below(p_posting))
  order by id for no key update nowait;
  for v_edge in
    select e.* from pdoflow.edge e join pdoflow.posting p on p.id = e.posting_id
    where e.posting_id = any (pdoflow.elements_below(p_posting)) and e.kind in ('each', 'over')
      and not e.feeds and p.state <> 'cancelled'
    order by e.posting_id
  loop
    continue when v_edge.upstream_id <> all (v_again);
    v_again := v_again || v_edge.posting_id;
    update pdoflow.edge set feeds = true, skipped = 0
    where posting_id = v_edge.posting_id and upstream_id = v_edge.upstream_id
      and kind = v_edge.kind;
    perform pdoflow.reopen(p, 0, -v_edge.skipped, 0, v_edge.skipped)
    from pdoflow.posting p where p.id = v_edge.posting_id;
  end loop;
end $$;

-- Adds to the totals of a posting; if it had ended, it is open again. Its row is locked.
create function pdoflow.reopen(
  p_posting pdoflow.posting, p_failed integer, p_cancelled integer, p_retrying integer,
  p_released integer
) returns void language plpgsql as $$
begin
  -- If it has not ended, its own totals are 0 (P2).
  insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying, released)
  values (p_posting.id, p_posting.done, p_posting.failed + p_failed,
          p_posting.cancelled + p_cancelled, p_retrying, p_released);
  update pdoflow.posting
  set state = 'open', reason = null, reopened = reopened + 1, ended_at = null, done = 0,
      failed = 0, cancelled = 0,
      deadline = case when deadline > now() then deadline end
  where id = p_posting.id and ended_at is not null;
end $$;

-- Counts the jobs of cancelled postings that were never released as cancelled, and ends their
-- element-wise edges. Their rows are locked, and their ranges in retry deleted and counted.
create function pdoflow.cancel_elements(p_postings bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  with ended as (
    update pdoflow.edge set feeds = false where posting_id = any (p_postings) and feeds
    returning posting_id)
  insert into pdoflow.progress (posting_id, cancelled, released)
  select posting_id, sum(released), -sum(released) from pdoflow.progress
  where posting_id in (select posting_id from ended) group by posting_id having sum(released) > 0;
end $$;
