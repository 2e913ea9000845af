-- Edges: postings that wait for other postings (W1 to W4).

-- The edges in the option "after", checked: the upstreams exist, and the poster can see them.
create function pdoflow.edges_of(p_after jsonb, p_poster text default pdoflow.caller())
returns setof pdoflow.edge language plpgsql as $$
declare
  v_item jsonb;
  v_edge pdoflow.edge;
begin
  if p_after is null then return; end if;
  if jsonb_typeof(p_after) <> 'array' or jsonb_array_length(p_after) > 1000 then
    perform pdoflow.refuse_option('after', 'a list of up to 1000 edges', p_after);
  end if;
  for v_item in select * from jsonb_array_elements(p_after) loop
    v_edge := null;
    if jsonb_typeof(v_item) <> 'object' or not v_item ? 'posting' or not coalesce(
         v_item ->> 'kind' = any (enum_range(null::pdoflow.edge_kind)::text[]), true)
       or v_item - array['posting', 'kind', 'tolerateJobs', 'toleratePercent'] <> '{}' then
      perform pdoflow.refuse_option(
        'after', format('edges such as {"posting": 41, "kind": "after"}, with the kind %s',
                        array_to_string(enum_range(null::pdoflow.edge_kind), ', ')), v_item);
    end if;
    v_edge.kind := coalesce(v_item ->> 'kind', 'after');
    if v_edge.kind = 'over' then
      perform pdoflow.refuse_option(
        'after', 'the kind over only as the jobs: {"over": 41} (docs/sql.md)', v_item);
    end if;
    v_edge.upstream_id := pdoflow.whole_option(
      'after.posting', v_item -> 'posting', 1, 9007199254740991);
    v_edge.tolerate_jobs := pdoflow.whole_option(
      'after.tolerateJobs', coalesce(v_item -> 'tolerateJobs', 'null'), 0, 2147483647);
    if jsonb_typeof(v_item -> 'toleratePercent') = 'number'
       and (v_item -> 'toleratePercent')::numeric between 0 and 100 then
      v_edge.tolerate_percent := (v_item -> 'toleratePercent')::real;
    elsif coalesce(v_item -> 'toleratePercent', 'null') <> 'null' then
      perform pdoflow.refuse_option('after.toleratePercent', 'a number from 0 to 100',
                                    v_item -> 'toleratePercent');
    end if;
    if v_edge.kind <> 'after'
       and coalesce(v_edge.tolerate_jobs, v_edge.tolerate_percent) is not null then
      perform pdoflow.refuse_option('after', 'a tolerance only of the kind after', v_item);
    end if;
    perform pdoflow.require_upstream(v_edge.upstream_id, p_poster);
    return next v_edge;
  end loop;
end $$;

-- Whether a role that posts can use the results of a route: if they are its own, or it is the
-- caller and sees all.
create function pdoflow.may_use(p_route integer, p_poster text) returns boolean
language plpgsql stable as $$
begin
  return p_poster = pdoflow.caller() and pdoflow.sees_all()
    or exists (select from pdoflow.route where id = p_route and poster = p_poster);
end $$;

-- Raises an error if there is no such posting for a role that posts.
create function pdoflow.require_upstream(
  p_posting bigint, p_poster text default pdoflow.caller()
) returns void language plpgsql as $$
begin
  if not exists (select from pdoflow.posting p
                 where p.id = p_posting and pdoflow.may_use(p.route_id, p_poster)) then
    raise exception 'there is no posting % that the role % can see', p_posting, p_poster
      using errcode = 'PF003';
  end if;
end $$;

-- The number of failed and cancelled jobs that an edge tolerates.
create function pdoflow.tolerated(p_edge pdoflow.edge, p_jobs integer) returns bigint
language sql immutable return
  greatest(p_edge.tolerate_jobs, floor(p_edge.tolerate_percent::numeric * p_jobs / 100), 0);

-- Whether a job of a posting has been claimed: no lane is as it was posted, or a job has ended.
create function pdoflow.has_begun(p_posting pdoflow.posting) returns boolean
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return p_posting.ended_at is not null and p_posting.cancelled < p_posting.job_count
    or not p_posting.waits and p_posting.ended_at is null and case when exists (
      select from pdoflow.edge where posting_id = p_posting.id and kind in ('each', 'over'))
    then p_posting.job_count > (
      select coalesce(sum(released + cancelled), 0) from pdoflow.progress
      where posting_id = p_posting.id)
    else exists (
      select from generate_series(1, 1) where not exists (
        select from pdoflow.lane where posting_id = p_posting.id)
      union all
      select from pdoflow.lane l cross join lateral pdoflow.lane_cursor(l.posting_id, l.priority)
      where l.posting_id = p_posting.id
      union all
      select from pdoflow.lane where posting_id = p_posting.id and state = 'closed') end;
end $$;

-- Whether an edge is met now. p_upstream is the result of tree_of, as in obstacle_of.
create function pdoflow.is_met(p_edge pdoflow.edge, p_upstream pdoflow.posting) returns boolean
language sql stable return case p_edge.kind
  when 'after' then p_upstream.ended_at is not null
    and (p_upstream.state <> 'cancelled' or p_upstream.job_count > 0)
    and p_upstream.failed + p_upstream.cancelled
        <= pdoflow.tolerated(p_edge, p_upstream.job_count)
  when 'any' then p_upstream.ended_at is not null
  when 'failed' then p_upstream.ended_at is not null and p_upstream.failed > 0
    or p_upstream.state = 'errored_out'
  when 'start' then pdoflow.has_begun(p_upstream) end;

-- The posting whose failed jobs are the reason that jobs of a posting were skipped (E3), directly
-- or not; the posting itself if none were.
create function pdoflow.skip_root(p_posting bigint) returns bigint
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_next bigint;
begin
  loop
    v_next := (select upstream_id from pdoflow.edge
               where posting_id = p_posting and skipped > 0 limit 1);
    if v_next is null then return p_posting; end if;
    p_posting := v_next;
  end loop;
end $$;

-- Why an edge cannot be met as its upstream is now, in one sentence; null if it can be.
create function pdoflow.obstacle_of(p_edge pdoflow.edge, p_upstream pdoflow.posting) returns text
language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v_failed bigint := p_upstream.failed;
  v_cancelled bigint := p_upstream.cancelled;
  v_tolerated bigint := pdoflow.tolerated(p_edge, p_upstream.job_count);
  v_root bigint;
begin
  if p_upstream.id is null then
    return format('%s was pruned', p_edge.upstream_id);
  elsif p_edge.kind = 'after' and p_upstream.state = 'cancelled' and p_upstream.job_count = 0 then
    return format('%s was cancelled before it had jobs', p_upstream.id); -- P15
  elsif p_edge.kind = 'after' then
    if p_upstream.ended_at is null then
      select v_failed + coalesce(sum(failed), 0), v_cancelled + coalesce(sum(cancelled), 0)
      into v_failed, v_cancelled
      from pdoflow.progress where posting_id = any (pdoflow.tree_ids(p_upstream.id));
    end if;
    if v_failed + v_cancelled <= v_tolerated then return null; end if;
    v_root := pdoflow.skip_root(p_upstream.id);
    return format('%s has %s', p_upstream.id, concat_ws(' and ',
        case when v_failed > 0 then v_failed || ' failed' end,
        case when v_cancelled > 0 then v_cancelled || ' cancelled' end))
      || case when v_failed + v_cancelled = 1 then ' job' else ' jobs' end
      || case when v_root <> p_upstream.id
              then format(', skipped because of %s', v_root) else '' end
      || coalesce(', in ' || pdoflow.faults_below(p_upstream.id), '')
      || case when v_tolerated > 0 then format(', %s tolerated', v_tolerated) else '' end;
  elsif p_edge.kind = 'failed' and p_upstream.ended_at is not null and p_upstream.failed = 0 then
    return format('%s ended without a failed job', p_upstream.id);
  elsif p_edge.kind = 'start' and p_upstream.ended_at is not null
        and not pdoflow.has_begun(p_upstream) then
    return format('%s was cancelled before it began', p_upstream.id);
  end if;
  return null;
end $$;

-- The undecided edges of postings, and of the upstreams that wait themselves.
--   reason     why the upstream keeps the edge from being met (obstacle_of); null if it does not
--   has_ended  whether that upstream has ended
--   climbs     whether what keeps this edge from being met blocks the postings that wait for its
--              posting, too: not if that is to be cancelled, or to run, once it is blocked
-- An upstream that releases its jobs one by one (E2) does not do so while it is blocked.
create function pdoflow.edges_above(p_postings bigint[])
returns table (posting_id bigint, upstream_id bigint, kind pdoflow.edge_kind, climbs boolean,
               reason text, has_ended boolean)
language plpgsql stable set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    with recursive above as (
      select e.posting_id, e.upstream_id, e.kind, p.if_blocked = 'hold'
             and (p.waits and e.met_at is null and not e.lapsed or e.feeds) as climbs
      from pdoflow.edge e join pdoflow.posting p on p.id = e.posting_id
      where e.posting_id = any (p_postings) and (e.met_at is null and not e.lapsed or e.feeds)
      union
      select e.posting_id, e.upstream_id, e.kind, true
      from above a join pdoflow.posting p on p.id = a.upstream_id and p.if_blocked = 'hold'
        join pdoflow.edge e on e.posting_id = p.id
          and (p.waits and e.met_at is null and not e.lapsed or e.feeds))
    select a.posting_id, a.upstream_id, a.kind, a.climbs, o.reason,
           o.reason is not null
           and (u.id is null
                or u.ended_at is not null and (pdoflow.tree_of(u)).ended_at is not null)
    from above a
      join pdoflow.edge e
        on e.posting_id = a.posting_id and e.upstream_id = a.upstream_id and e.kind = a.kind
      left join pdoflow.posting u on u.id = a.upstream_id
      cross join lateral (
        -- Nothing of an upstream that waits itself has happened. In a chain, that is nearly all.
        select case when u.waits and u.ended_at is null and u.state <> 'cancelled' then null
                    else pdoflow.obstacle_of(e, pdoflow.tree_of(u)) end as reason offset 0) o;
end $$;

-- Why a waiting posting is blocked (W4): its edges that cannot be met, and those of its upstreams
-- that wait themselves. No row if it is not blocked.
create function pdoflow.obstacles(p_posting bigint)
returns table (posting_id bigint, upstream_id bigint, kind pdoflow.edge_kind, reason text,
               has_ended boolean)
language plpgsql stable as $$
#variable_conflict use_column
begin
  return query
    select posting_id, upstream_id, kind, reason, has_ended
    from pdoflow.edges_above(array[p_posting])
    where reason is not null order by upstream_id, posting_id;
end $$;

-- The same of many postings at once: their upstreams are read once, not again for each of them.
create function pdoflow.obstacles_of(p_postings bigint[])
returns table (id bigint, upstream_id bigint, kind pdoflow.edge_kind, reason text,
               has_ended boolean)
language plpgsql stable set jit = off as $$
#variable_conflict use_column
begin
  return query
    with recursive above as materialized (select * from pdoflow.edges_above(p_postings)),
    below as (
      select a.posting_id as id, a.climbs, a.posting_id, a.upstream_id, a.kind
      from above a where a.reason is not null
      union
      select a.posting_id, a.climbs, b.posting_id, b.upstream_id, b.kind
      from below b join above a on a.upstream_id = b.id
      where b.climbs)
    select distinct b.id, a.upstream_id, a.kind, a.reason, a.has_ended
    from below b join above a using (posting_id, upstream_id, kind)
    where b.id = any (p_postings) order by b.id, a.upstream_id;
end $$;

-- Those of some postings that are blocked (W4): they wait, or their jobs do (E2). A posting that is
-- cancelled or runs by itself then is not blocked.
create function pdoflow.blocked_of(p_postings bigint[]) returns setof bigint
language plpgsql stable set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[] := array(
    select id from pdoflow.posting p
    where id = any (p_postings) and ended_at is null and if_blocked = 'hold'
      and (waits or exists (select from pdoflow.edge where posting_id = p.id and feeds)));
begin
  if cardinality(v_ids) = 0 then return; end if;
  return query
    with recursive above as materialized (select * from pdoflow.edges_above(v_ids)),
    below as (
      select a.posting_id as id, a.climbs from above a where a.reason is not null
      union
      select a.posting_id, a.climbs from below b join above a on a.upstream_id = b.id
      where b.climbs)
    select distinct id from below where id = any (v_ids);
end $$;

create function pdoflow.is_blocked(p_posting pdoflow.posting) returns boolean
language plpgsql stable as $$
begin
  return p_posting.ended_at is null and p_posting.if_blocked = 'hold'
    and exists (select from pdoflow.blocked_of(array[p_posting.id]));
end $$;

-- The edges of postings, as people read them. cause: why an unmet edge cannot be met at present,
-- because of cause_id: its upstream, or a posting that its upstream waits for, as cause_kind says.
-- An element-wise edge is waiting until its upstream has ended.
create function pdoflow.edge_states(p_postings bigint[])
returns table (posting_id bigint, upstream_id bigint, kind text, tolerate_jobs integer,
               tolerate_percent real, state text, met_at timestamptz, unblocked_by text,
               cause text, cause_id bigint, cause_kind text, skipped integer)
language plpgsql stable set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    with above as materialized (
      select * from pdoflow.obstacles_of(array(
        select e.upstream_id from pdoflow.edge e join pdoflow.posting u on u.id = e.upstream_id
        where e.posting_id = any (p_postings) and u.if_blocked = 'hold'
          and (u.waits and e.met_at is null and not e.lapsed or e.feeds))))
    select e.posting_id, e.upstream_id, e.kind::text, e.tolerate_jobs, e.tolerate_percent,
           case when e.met_at is not null and not e.feeds then 'met' when e.lapsed then 'lapsed'
                when o.reason is not null then 'blocked' else 'waiting' end,
           e.met_at, e.unblocked_by, o.reason, pdoflow.skip_root(o.upstream_id), o.kind::text,
           e.skipped
    from pdoflow.edge e left join pdoflow.posting u on u.id = e.upstream_id
      left join lateral (
        select * from (
          select pdoflow.obstacle_of(e, pdoflow.tree_of(u)) as reason, e.upstream_id, e.kind,
                 false as is_above
          where e.met_at is null and not e.lapsed
            and not coalesce(u.waits and u.ended_at is null and u.state <> 'cancelled', false)
          union all
          select a.reason, a.upstream_id, a.kind, true from above a
          where a.id = u.id and u.if_blocked = 'hold'
            and (u.waits and e.met_at is null and not e.lapsed or e.feeds)) c
        where reason is not null order by is_above, upstream_id limit 1) o on true
    where e.posting_id = any (p_postings)
    order by e.posting_id, e.upstream_id, e.kind;
end $$;

-- Raises an error if a new posting cannot have these element-wise edges (E1).
create function pdoflow.require_elements(p_posting pdoflow.posting, p_edges pdoflow.edge[])
returns void language plpgsql as $$
declare
  v_upstream pdoflow.posting;
begin
  if cardinality(p_edges) > 1 then
    raise exception 'option after: expected one element-wise edge, found % to %: give the results '
      'of one posting to the next instead, with the jobs {"over": %}', cardinality(p_edges),
      (select string_agg(upstream_id::text, ', ' order by upstream_id) from unnest(p_edges)),
      p_edges[1].upstream_id using errcode = 'PF002';
  end if;
  select * into v_upstream from pdoflow.posting where id = p_edges[1].upstream_id;
  if v_upstream.job_count <> p_posting.job_count then
    raise exception 'expected as many jobs as posting % has for an element-wise edge: % has % '
      'jobs, these are %', v_upstream.id, v_upstream.id, v_upstream.job_count, p_posting.job_count
      using errcode = 'PF002';
  elsif v_upstream.is_sorted or p_posting.is_sorted then
    raise exception 'expected jobs of one priority for an element-wise edge, found several in %: '
      'such jobs are stored in another order', case when v_upstream.is_sorted
      then format('posting %s', v_upstream.id) else 'these' end using errcode = 'PF002';
  end if;
end $$;

-- Inserts the edges of a new posting, with p_over the one of its jobs; some may be met at once.
-- Returns whether it waits, and whether it has an element-wise edge. With these locks, prune waits
-- for the upstreams or skips them (W3).
create function pdoflow.write_edges(
  p_posting pdoflow.posting, p_after jsonb, p_over bigint, p_poster text,
  out waits boolean, out is_fed boolean
) language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_edges pdoflow.edge[] := array(select e from pdoflow.edges_of(p_after, p_poster) e);
  v_over pdoflow.edge;
  v_upstreams bigint[];
  v_locked integer;
  v_fed pdoflow.edge[];
begin
  waits := false;
  is_fed := false;
  if p_over is not null then
    v_over.upstream_id := p_over;
    v_over.kind := 'over';
    v_edges := v_edges || v_over;
  end if;
  if cardinality(v_edges) = 0 then return; end if;
  v_upstreams := array(select distinct e.upstream_id from unnest(v_edges) e);
  perform from pdoflow.posting where id = any (v_upstreams) order by id for key share;
  get diagnostics v_locked = row_count;
  if v_locked < cardinality(v_upstreams) then
    raise exception 'a posting of % was pruned a moment ago', v_upstreams using errcode = 'PF003';
  end if;
  v_fed := array(select e from unnest(v_edges) e where e.kind in ('each', 'over'));
  is_fed := cardinality(v_fed) > 0;
  if is_fed then
    perform pdoflow.require_elements(p_posting, v_fed);
    perform pg_notify('pdoflow.settle', v_fed[1].upstream_id::text);
  end if;
  insert into pdoflow.edge (posting_id, upstream_id, kind, tolerate_jobs, tolerate_percent, met_at,
                            feeds)
  select p_posting.id, e.upstream_id, e.kind, e.tolerate_jobs, e.tolerate_percent,
         case when pdoflow.is_met(e, pdoflow.tree_of(u)) then now() end, e.kind in ('each', 'over')
  from unnest(v_edges) e join pdoflow.posting u on u.id = e.upstream_id
  on conflict do nothing;
  waits := exists (select from pdoflow.edge where posting_id = p_posting.id and met_at is null);
end $$;

-- Opens waiting postings whose edges are all met: their row is locked. Returns the opened ones.
create function pdoflow.open_met(p_postings bigint[]) returns bigint[]
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[] := array(
    select p.id from unnest(p_postings) as p (id)
    where not exists (select from pdoflow.edge e
                      where e.posting_id = p.id and e.met_at is null and not e.lapsed));
begin
  if cardinality(v_ids) = 0 then return v_ids; end if;
  update pdoflow.posting
  set waits = false, reopened = reopened + coalesce(notified = reopened, false)::integer -- P18
  where id = any (v_ids) and waits;
  perform pdoflow.expand_postings(v_ids);
  update pdoflow.lane l set state = 'open'
  from pdoflow.posting p
  where l.posting_id = any (v_ids) and p.id = l.posting_id and l.state = 'paused'
    and p.state = 'open' and p.run_at is null;
  update pdoflow.retry r set due_at = now()
  from pdoflow.posting p
  where r.posting_id = any (v_ids) and p.id = r.posting_id and r.due_at = 'infinity'
    and p.state = 'open' and p.run_at is null;
  perform pdoflow.wake(v_ids);
  return v_ids;
end $$;

-- Checks the unmet edges of up to p_limit postings that wait for one of p_upstreams, or for any
-- posting if that is null; with p_routes, only of these routes. Checks them by id, after p_after,
-- and returns the last one, null if no more wait, and how many were opened or cancelled. Skips
-- postings that are locked: polling finds them again. Edges are always checked from the rows of
-- their upstreams, so a repeated or late check does no harm.
create function pdoflow.settle(
  p_upstreams bigint[], p_after bigint, p_limit integer, p_routes integer[],
  out last_id bigint, out settled integer
) language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_found bigint[];
  v_ids bigint[];
  v_opened bigint[];
  v_id bigint;
  v_reason text;
  v_policy text;
begin
  settled := 0;
  if p_upstreams is null then
    v_found := array(select distinct posting_id from (
      select posting_id from pdoflow.edge
      where met_at is null and not lapsed and posting_id > p_after
      order by posting_id limit p_limit) e);
  else
    v_found := array(select distinct posting_id from (
      select e.posting_id from unnest(p_upstreams) as u (id)
        join pdoflow.edge e on e.upstream_id = u.id and e.met_at is null and not e.lapsed
      where e.posting_id > p_after order by e.posting_id limit p_limit) e);
  end if;
  last_id := (select max(id) from unnest(v_found) as f (id));
  if last_id is null then return; end if;
  -- Without locks: polling finds few postings that need not wait any longer.
  if p_upstreams is null then
    v_found := array(
      select e.posting_id from pdoflow.edge e join pdoflow.posting u on u.id = e.upstream_id
      where e.posting_id = any (v_found) and e.met_at is null and not e.lapsed
        and (u.ended_at is not null or e.kind in ('failed', 'start'))
        and pdoflow.is_met(e, pdoflow.tree_of(u))
      union
      select id from pdoflow.posting where id = any (v_found) and if_blocked <> 'hold');
    if cardinality(v_found) = 0 then return; end if;
  end if;
  v_ids := array(
    select id from pdoflow.posting
    where id = any (v_found) and waits and (p_routes is null or route_id = any (p_routes))
    order by id for no key update skip locked);
  -- Separate statements after the locks: of several transactions that settle one posting, each
  -- sees the upstreams that ended before.
  update pdoflow.edge e set met_at = now()
  from pdoflow.posting u
  where e.posting_id = any (v_ids) and e.met_at is null and not e.lapsed and u.id = e.upstream_id
    and pdoflow.is_met(e, pdoflow.tree_of(u));
  v_opened := pdoflow.open_met(v_ids);
  settled := cardinality(v_opened);
  for v_id, v_policy in
    select id, if_blocked from pdoflow.posting
    where id = any (v_ids) and if_blocked <> 'hold' and waits order by id
  loop
    v_reason := (select string_agg(distinct reason, '; ') from pdoflow.obstacles(v_id)
                 where has_ended);
    continue when v_reason is null;
    if v_policy = 'cancel' then
      perform pdoflow.cancel_postings(array[v_id], true, format('blocked: %s', v_reason), true);
    else
      update pdoflow.edge e set met_at = now()
      where posting_id = v_id and met_at is null and not lapsed and not feeds and (
        exists (select from pdoflow.obstacles(v_id) o
                where o.posting_id = v_id and o.upstream_id = e.upstream_id and o.kind = e.kind
                  and o.has_ended)
        or exists (select from pdoflow.posting u cross join lateral pdoflow.obstacles(u.id) o
                   where u.id = e.upstream_id and u.waits and u.if_blocked = 'hold'
                     and o.has_ended));
      perform pdoflow.open_met(array[v_id]);
    end if;
    settled := settled + 1;
  end loop;
  -- Postings that wait for a blocked one are blocked too, which matters to some of them.
  perform pdoflow.notify_downstream(array(
    select w.id from unnest(v_ids) as w (id)
    where w.id <> all (v_opened) and exists (
      select from pdoflow.edge e join pdoflow.posting d on d.id = e.posting_id
      where e.upstream_id = w.id and e.met_at is null and not e.lapsed and d.if_blocked <> 'hold')
    and exists (select from pdoflow.obstacles(w.id))));
end $$;

-- Lets waiting postings run although edges are not met. Returns them.
create function pdoflow.unblock_postings(p_postings bigint[]) returns bigint[]
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where id = any (p_postings) and waits and ended_at is null
                   and state <> 'cancelled'
                 order by id for no key update);
  update pdoflow.edge set met_at = now(), unblocked_by = left(pdoflow.caller(), 100)
  where posting_id = any (v_ids) and met_at is null and not lapsed and not feeds;
  return pdoflow.open_met(v_ids);
end $$;
