-- Claiming. These functions consist of several statements, each of which must see everything that
-- was committed before it began: callers run at READ COMMITTED, and the functions are VOLATILE.

-- Routes with the number of their turn, from 0: the number of nulls before them (T2).
create function pdoflow.in_turn(p_routes integer[]) returns table (id integer, turn bigint)
language sql immutable as $$
  select id, count(*) filter (where id is null) over (order by position)
  from unnest(p_routes) with ordinality as route (id, position)
$$;

-- The open lane that comes first: by priority and turn, or the oldest (rule 6). One step of an
-- index for each route (rule 3), or for each of p_postings, unless these are null. p_from are
-- positions (claim_options).
create function pdoflow.best_lane(
  p_routes integer[], p_oldest boolean, p_skip bigint[], p_postings bigint[], p_from bigint[],
  out posting_id bigint, out priority integer, out effective_priority integer, out turn bigint
) language plpgsql stable as $$
#variable_conflict use_column
begin
  if p_postings is not null then
    select l.posting_id, l.priority, l.effective_priority, 0
    into posting_id, priority, effective_priority, turn
    from pdoflow.lane l
    where l.posting_id = any (p_postings) and l.state = 'open' and l.route_id = any (p_routes)
      and l.posting_id <> all (p_skip)
    order by case when p_oldest then l.posting_id end, l.effective_priority desc, l.posting_id,
             l.priority desc limit 1;
  elsif p_oldest then
    select l.posting_id, l.priority, l.effective_priority, 0
    into posting_id, priority, effective_priority, turn
    from unnest(p_routes) as route (id) cross join lateral (
      select posting_id, priority, effective_priority from pdoflow.lane
      where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
        and posting_id >= coalesce((
          select max(p.id) from unnest(p_from) as f (id) join pdoflow.posting p on p.id = f.id
          where p.route_id = route.id), 0)
      order by posting_id limit 1) l
    order by l.posting_id limit 1;
  elsif cardinality(p_from) > 0 then
    -- A position is at the priority of its posting. Lanes of any other priority are read from the
    -- start.
    select l.posting_id, l.priority, l.effective_priority, route.turn
    into posting_id, priority, effective_priority, turn
    from pdoflow.in_turn(p_routes) as route
      left join lateral (
        select p.id, coalesce(p.override_priority, p.priority) as priority
        from unnest(p_from) as f (id) join pdoflow.posting p on p.id = f.id
        where p.route_id = route.id order by p.id desc limit 1) f on true
      cross join lateral (
        (select posting_id, priority, effective_priority from pdoflow.lane
         where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
           and effective_priority > f.priority
         order by effective_priority desc, posting_id, priority desc limit 1)
        union all
        (select posting_id, priority, effective_priority from pdoflow.lane
         where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
           and effective_priority = f.priority and posting_id >= f.id
         order by effective_priority desc, posting_id, priority desc limit 1)
        union all
        (select posting_id, priority, effective_priority from pdoflow.lane
         where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
           and effective_priority < coalesce(f.priority, 2147483648)
         order by effective_priority desc, posting_id, priority desc limit 1)
        limit 1) l -- of the first of them that has any
    order by l.effective_priority desc, route.turn, l.posting_id, l.priority desc limit 1;
  else
    select l.posting_id, l.priority, l.effective_priority, route.turn
    into posting_id, priority, effective_priority, turn
    from pdoflow.in_turn(p_routes) as route cross join lateral (
      select posting_id, priority, effective_priority from pdoflow.lane
      where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
      order by effective_priority desc, posting_id, priority desc limit 1) l
    order by l.effective_priority desc, route.turn, l.posting_id, l.priority desc limit 1;
  end if;
end $$;

-- The options of a claim.
--   routes        the routes that this pool may serve; if a null stands between two of them, the
--                 routes after it have their turn later, at the same priority (T2)
--   oldest        whether to claim the oldest open lane instead of the one with the highest
--                 priority
--   entry_points, caps, floors   the maximum and minimum number of jobs by entry point. If a cap is
--                                0 and such jobs are first in line, nothing is claimed
--   cap           the maximum for any other entry point (floor 1): the number of idle workers. Of a
--                 posting with limits, no more jobs run at a time (L4)
--   share         the share of the remaining jobs of a lane that one claim may take
--   skip          postings to pass over: at a limit, or refused by this pool (H1)
--   slack_ms      a job of a posting with a rate starts within this time, or is released
--   postings      the only postings to claim of; null for all
--   positions     a posting for some of the routes: no lane that comes before it was open a moment
--                 ago, among the lanes of its route and priority or, if oldest, among all of its
--                 route. Begins to read there, because the index has the entries of the deleted
--                 lanes before it until vacuum, or as long as an old snapshot is open
create type pdoflow.claim_options as (
  routes integer[], oldest boolean, entry_points text[], caps integer[], floors integer[],
  cap integer, share double precision, skip bigint[], slack_ms integer,
  postings bigint[], positions bigint[]);

-- Claims the next jobs of the first lane, or due retries, for p_pool under one new lease, and
-- returns its ranges; no row if nothing can be claimed now. A row with a wait_ms and no lease is a
-- posting that was skipped because it is at a limit (P5) for about that time. If its wait_ms is 0,
-- another claim was faster: claim again at once. Without statistics of the table of retries, bitmap
-- scans would read all of them.
create function pdoflow.claim(p_pool bigint, p_options pdoflow.claim_options)
returns table (lease_id bigint, posting_id bigint, first_seq integer, end_seq integer,
                 attempt integer, wait_ms integer, running_limit integer)
language plpgsql set plan_cache_mode = force_generic_plan set enable_hashjoin = off
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_bitmapscan = off as $$
#variable_conflict use_column
declare
  v_lane record;
  v_retry record;
  v_is_retry boolean;
  v_posting bigint;
  v_lease bigint;
  v_wait integer;
  v_waits boolean := true; -- only the pool has been locked so far
  v_takes_suspects boolean := true;
begin
  -- O1: a lost or stopped pool gets nothing. A transaction that ends or rescues it waits for this
  -- claim or skips the pool, and so sees the new lease.
  perform from pdoflow.pool where id = p_pool and state in ('up', 'draining') for key share;
  if not found then return; end if;
  for v_round in 1..100 loop
    v_lane := pdoflow.best_lane(p_options.routes, p_options.oldest, p_options.skip,
                                p_options.postings, p_options.positions);
    if v_waits then
      v_retry := pdoflow.due_retry(
        p_options.routes, p_options.skip, p_options.oldest, v_takes_suspects, p_options.postings);
    else
      v_retry.posting_id := null;
      v_retry.lost := null;
    end if;
    -- Y3: a pool has at most one suspect, so that the cause is known. Queried only in this case:
    -- while an old snapshot is open, the index of active leases is full of dead entries, and the
    -- query would read it even after "null and".
    if coalesce(v_retry.lost, 0) >= 2 and exists (
      select from pdoflow.lease where pool_id = p_pool and active and lost >= 2) then
      v_takes_suspects := false;
      continue;
    end if;
    -- At the same priority and turn a retry goes first: its posting is the older one.
    v_is_retry := v_retry.posting_id is not null and (
      v_lane.posting_id is null
      or case when p_options.oldest then v_retry.posting_id <= v_lane.posting_id
              else (v_retry.priority, -v_retry.turn)
                >= (v_lane.effective_priority, -v_lane.turn) end);
    v_posting := case when v_is_retry then v_retry.posting_id else v_lane.posting_id end;
    exit when v_posting is null;
    v_wait := pdoflow.limit_wait_ms(v_posting);
    if v_wait is null then
      if v_is_retry then
        v_lease := pdoflow.claim_retries(p_pool, v_retry.route_id, v_retry.priority, v_posting,
                                         v_retry.lost >= 2, p_options);
        v_waits := false;
        continue when v_lease is null; -- other pools are claiming all due retries
      else
        v_lease := pdoflow.claim_lane(p_pool, v_posting, v_lane.priority, p_options, v_waits);
      end if;
      exit when v_lease >= 0;
      v_wait := case when v_lease = -1 then coalesce(pdoflow.limit_wait_ms(v_posting), 1)
                     else 0 end;
    end if;
    p_options.skip := p_options.skip || v_posting;
    posting_id := v_posting;
    wait_ms := v_wait;
    return next;
    exit when v_lease = -1 or v_wait = 0;
  end loop;
  -- The commit does not wait for the disk: if a crash forgets the claim, its jobs run again (rule
  -- 1) and the outcomes of this lease are refused (rule 2, L5). Limits must survive a crash (P5).
  -- An empty claim has locked rows, so it would wait too.
  if coalesce(v_lease, 0) = 0 or not exists (
    select from pdoflow.posting
    where id = v_posting and coalesce(max_running, rate_count) is not null) then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  return query
    select l.id, r.posting_id, r.first_seq, r.end_seq, r.attempt, null::integer,
           l.running_limit
    from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) r
    where l.id = v_lease;
end $$;
