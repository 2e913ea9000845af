-- What must happen in one transaction with several statements, each seeing what was committed
-- before it began. Every caller runs at READ COMMITTED; the functions are VOLATILE for that reason.
--
-- Order of locks, so that no two callers ever wait for each other:
--   1. keys, refusals            4. posting, by id
--   2. pool                     5. permits of a posting (an advisory lock)
--   3. lease, by id             6. lane    7. retry
-- A caller that holds a lock waits only for locks that come later in this list; others it takes
-- with "skip locked", or not at all. A claim holds its pool, then waits for the permits of one
-- posting, if it has limits, and for one lane of it. If that was in vain it ends, because a row
-- lock stays even if the row does not match any more; the pool claims again.

-- Takes the next jobs of the best lane, or due retries, for p_pool under one new lease, and
-- returns its ranges; nothing where nothing can be claimed now. A row with a wait_ms and no lease
-- is a posting that was passed by because it is at a limit (P5), for about so long; with a wait_ms
-- of 0, because another claim was faster: claim again at once.
--   p_routes        the routes that this pool may serve; where a null stands between two of them,
--                   what comes after it has its turn later, at the same priority (T2)
--   p_oldest        true: the oldest open lane instead of the one with the highest priority
--   p_entry_points, p_caps, p_floors   by entry point, how many jobs at most and at least; where
--                   the cap is 0 and such jobs are first in line, nothing is claimed
--   p_cap           how many at most of an entry point that is not among them (floor 1): as many as
--                   there are idle workers. Of a posting with limits no more run at a time (L4)
--   p_share         the share of what remains in a lane that one claim may take
--   p_skip          postings to pass by: known to be at a limit, or refused by this pool (H1)
--   p_slack_ms      a job of a posting with a rate starts within so many ms or is released
create function pdoflow.claim(
  p_pool bigint, p_routes integer[], p_oldest boolean,
  p_entry_points text[], p_caps integer[], p_floors integer[],
  p_cap integer, p_share double precision,
  p_skip bigint[] default '{}', p_slack_ms integer default 100
) returns table (lease_id bigint, posting_id bigint, first_seq integer, end_seq integer,
                 attempt integer, wait_ms integer, most_running integer)
language plpgsql set plan_cache_mode = force_generic_plan
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_lane record;
  v_retry record;
  v_is_retry boolean;
  v_posting bigint;
  v_lease bigint;
  v_wait integer;
  v_skip bigint[] := p_skip;
  v_waits boolean := true; -- no lock was taken yet but that of the pool
  v_takes_suspects boolean := true;
begin
  -- O1: a pool that is lost or stopped gets nothing. Whoever ends or rescues it waits for this
  -- claim or passes it by, and so sees the lease that it appends.
  perform from pdoflow.pool where id = p_pool and state in ('up', 'draining') for key share;
  if not found then return; end if;
  for v_round in 1..100 loop
    select * into v_lane from pdoflow.best_lane(p_routes, p_oldest, v_skip);
    select * into v_retry
    from pdoflow.due_retry(p_routes, v_skip, p_oldest, v_takes_suspects) where v_waits;
    -- Y3: a pool has one suspect in hand at most, or it would not be known which one it was.
    -- Asked only then: the index of held leases is full of dead entries while an old snapshot is
    -- held, and "null and" something would look into it.
    if coalesce(v_retry.lost, 0) >= 2 and exists (
      select from pdoflow.lease where pool_id = p_pool and active and lost >= 2) then
      v_takes_suspects := false;
      continue;
    end if;
    -- At the same priority and turn a retry goes first: its posting is the older one.
    v_is_retry := v_retry.posting_id is not null and (
      v_lane.posting_id is null
      or case when p_oldest then v_retry.posting_id <= v_lane.posting_id
              else (v_retry.priority, -v_retry.turn)
                >= (v_lane.effective_priority, -v_lane.turn) end);
    v_posting := case when v_is_retry then v_retry.posting_id else v_lane.posting_id end;
    exit when v_posting is null;
    v_wait := pdoflow.limit_wait_ms(v_posting);
    if v_wait is null then
      if v_is_retry then
        v_lease := pdoflow.claim_retries(p_pool, v_retry.route_id, v_retry.priority, v_posting,
                                         v_retry.lost >= 2, p_entry_points, p_caps, p_cap,
                                         p_slack_ms, v_skip);
        v_waits := false;
        continue when v_lease is null; -- other pools are taking all that are due
      else
        v_lease := pdoflow.claim_lane(p_pool, v_posting, v_lane.priority, p_entry_points, p_caps,
                                      p_floors, p_cap, p_share, p_slack_ms, v_skip, v_waits);
      end if;
      exit when v_lease >= 0;
      v_wait := case when v_lease = -1 then coalesce(pdoflow.limit_wait_ms(v_posting), 1)
                     else 0 end;
    end if;
    v_skip := v_skip || v_posting;
    posting_id := v_posting;
    wait_ms := v_wait;
    return next;
    exit when v_lease = -1 or v_wait = 0;
  end loop;
  return query
    select l.id, r.posting_id, r.first_seq, r.end_seq, r.attempt, null::integer,
           l.most_running
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
    where l.id = v_lease;
end $$;

-- Routes with the number of their turn, from 0: the nulls before them (T2).
create function pdoflow.in_turn(p_routes integer[]) returns table (id integer, turn bigint)
language sql immutable as $$
  select id, count(*) filter (where id is null) over (order by place)
  from unnest(p_routes) with ordinality as route (id, place)
$$;

-- The open lane that comes first: by priority and turn, or the oldest (rule 6). One step of an
-- index for each route (rule 3).
create function pdoflow.best_lane(
  p_routes integer[], p_oldest boolean, p_skip bigint[],
  out posting_id bigint, out priority integer, out effective_priority integer, out turn bigint
) language plpgsql stable as $$
#variable_conflict use_column
begin
  if p_oldest then
    select l.posting_id, l.priority, l.effective_priority, 0
    into posting_id, priority, effective_priority, turn
    from unnest(p_routes) as route (id) cross join lateral (
      select posting_id, priority, effective_priority from pdoflow.lane
      where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
      order by posting_id limit 1) l
    order by l.posting_id limit 1;
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

-- Takes a range of one lane or, where it is untouched and small, several such lanes whole. Null
-- where the lane is not open any more or, without p_waits, locked by others; 0 where the cap
-- forbids it, -1 where a limit does. L1: the lane's row is locked while its newest lease is read
-- and the next one appended; that read is a statement of its own, after the lock, so that it sees
-- the lease of whoever held the lock before.
create function pdoflow.claim_lane(
  p_pool bigint, p_posting bigint, p_priority integer,
  p_entry_points text[], p_caps integer[], p_floors integer[],
  p_cap integer, p_share double precision, p_slack_ms integer, p_skip bigint[],
  p_waits boolean
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lane pdoflow.lane;
  v_entry_point text;
  v_is_limited boolean;
  v_cap integer := p_cap;
  v_floor integer := 1;
  v_ahead integer;
  v_most_running integer;
  v_cursor integer;
  v_size integer;
  v_lease bigint;
begin
  select entry_point, coalesce(max_running, rate_count) is not null
  into v_entry_point, v_is_limited from pdoflow.posting where id = p_posting;
  if v_is_limited and not pdoflow.lock_permits(p_posting, p_waits) then return null; end if;
  if p_waits then
    select * into v_lane from pdoflow.lane
    where posting_id = p_posting and priority = p_priority and state = 'open'
    for no key update;
  else
    select * into v_lane from pdoflow.lane
    where posting_id = p_posting and priority = p_priority and state = 'open'
    for no key update skip locked;
  end if;
  if not found then return null; end if;

  select lane_end_seq into v_cursor from pdoflow.lease
  where lane_posting_id = p_posting and lane_priority = p_priority
  order by lane_first_seq desc limit 1;
  select coalesce(c.cap, p_cap), coalesce(c.floor, 1) into v_cap, v_floor
  from unnest(p_entry_points, p_caps, p_floors) as c (entry_point, cap, floor)
  where c.entry_point = v_entry_point;
  v_ahead := v_cap;
  v_cap := coalesce(v_cap, p_cap);
  v_floor := coalesce(v_floor, 1);
  if v_cap < 1 or v_is_limited and p_cap < 1 then return 0; end if;

  v_size := v_lane.end_seq - coalesce(v_cursor, v_lane.first_seq);
  v_size := least(v_size, v_cap, greatest(v_floor, ceil(v_size * p_share), 1));
  if v_is_limited then
    select jobs, most_running into v_size, v_most_running
    from pdoflow.permit_jobs(p_pool, p_posting, v_size, p_cap, v_ahead, p_slack_ms);
    if v_size < 1 then return -1; end if;
  elsif v_cursor is null and v_size = v_lane.end_seq - v_lane.first_seq then
    return pdoflow.claim_whole_lanes(p_pool, v_lane.route_id, v_lane.effective_priority,
      v_entry_point,
                                     p_posting, p_priority, v_cap, v_floor, p_share, p_skip);
  end if;
  v_cursor := coalesce(v_cursor, v_lane.first_seq);
  insert into pdoflow.lease (pool_id, lane_posting_id, lane_priority, lane_first_seq, lane_end_seq,
                             most_running, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, p_posting, p_priority, v_cursor, v_cursor + v_size, v_most_running,
          array[p_posting], array[v_cursor], array[v_cursor + v_size], array[1])
  returning id into v_lease;
  if v_cursor + v_size = v_lane.end_seq then
    update pdoflow.lane set state = 'closed', closed_by = v_lease
    where posting_id = p_posting and priority = p_priority;
  end if;
  return v_lease;
end $$;

-- Takes untouched lanes of one route, rank and entry point whole, as many as make a claim, under
-- one lease: single jobs posted one by one are claimed by the hundred. The first one is locked.
create function pdoflow.claim_whole_lanes(
  p_pool bigint, p_route integer, p_effective_priority integer, p_entry_point text,
  p_first bigint, p_first_priority integer, p_cap integer, p_floor integer,
  p_share double precision, p_skip bigint[]
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lease bigint;
  v_locked record;
  v_postings bigint[];
  v_priorities integer[];
  v_firsts integer[];
  v_ends integer[];
begin
  select array_agg(l.posting_id) as ids, array_agg(l.priority) as priorities,
         array_agg(l.first_seq) as firsts, array_agg(l.end_seq) as ends
  into v_locked from (
    select posting_id, priority, first_seq, end_seq from pdoflow.lane
    where route_id = p_route and state = 'open' and effective_priority = p_effective_priority
      and posting_id >= p_first
      and posting_id <> all (p_skip)
    order by posting_id, priority desc limit 500 for no key update skip locked) l;
  -- A statement after the locks: a lane that has a lease by now is not untouched (L1).
  with free as (
    select l.*,
           sum(l.end_seq - l.first_seq) over (order by l.posting_id, l.priority desc)
             as running_total,
           sum(l.end_seq - l.first_seq) over () as total
    from unnest(v_locked.ids, v_locked.priorities, v_locked.firsts, v_locked.ends)
           as l (posting_id, priority, first_seq, end_seq)
      join pdoflow.posting p on p.id = l.posting_id
    where p.entry_point = p_entry_point and coalesce(p.max_running, p.rate_count) is null
      and not exists (select from pdoflow.lease e
                      where e.lane_posting_id = l.posting_id and e.lane_priority = l.priority))
  select array_agg(posting_id order by place), array_agg(priority order by place),
         array_agg(first_seq order by place), array_agg(end_seq order by place)
  into v_postings, v_priorities, v_firsts, v_ends
  from (select *, row_number() over (order by posting_id, priority desc) as place from free) free
  where posting_id = p_first and priority = p_first_priority
     or running_total <= least(p_cap, greatest(p_floor, ceil(total * p_share)));

  insert into pdoflow.lease (pool_id, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, v_postings, v_firsts, v_ends, array_fill(1, array[cardinality(v_postings)]))
  returning id into v_lease;
  update pdoflow.lane l set state = 'closed', closed_by = v_lease
  from unnest(v_postings, v_priorities) as taken (posting_id, priority)
  where l.posting_id = taken.posting_id and l.priority = taken.priority;
  return v_lease;
end $$;
