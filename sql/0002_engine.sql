-- What must happen in one transaction with several statements, each seeing what was committed
-- before it began. Every caller runs at READ COMMITTED; the functions are VOLATILE for that reason.
--
-- Order of locks, so that no two callers wait for each other: lane or retry rows, pool, lease,
-- posting; within a table by key.

-- Takes the next jobs of the best lane, or due retries, for p_pool under one new lease, and
-- returns its ranges; nothing where nothing can be claimed now. A row with a wait_ms and no lease
-- is a posting that was passed by because it is at a limit (P5), for about so long.
--   p_routes        the routes that this pool may serve
--   p_oldest        true: the oldest open lane instead of the one with the highest priority
--   p_entry_points, p_caps, p_floors   by entry point, how many jobs at most and at least; where
--                   the cap is 0 and such jobs are first in line, nothing is claimed
--   p_cap           how many at most of an entry point that is not among them (floor 1), and of a
--                   posting with limits: as many as there are idle workers
--   p_share         the share of what remains in a lane that one claim may take
--   p_skip          postings to pass by, known to be at a limit
--   p_slack_ms      a job of a posting with a rate starts within so many ms or is given back
create function pdoflow.claim(
  p_pool bigint, p_routes integer[], p_oldest boolean,
  p_entry_points text[], p_caps integer[], p_floors integer[],
  p_cap integer, p_share double precision,
  p_skip bigint[] default '{}', p_slack_ms integer default 100
) returns table (lease_id bigint, posting_id bigint, first_seq integer, end_seq integer,
                 attempt integer, wait_ms integer)
language plpgsql as $$
#variable_conflict use_column
declare
  v_lane record;
  v_retry record;
  v_is_retry boolean;
  v_posting bigint;
  v_lease bigint;
  v_wait integer;
  v_skip bigint[] := p_skip;
  v_seeks_retry boolean := true;
begin
  -- O1: a pool that is lost or stopped gets nothing. Whoever ends or rescues it waits for this
  -- claim or passes it by, and so sees the lease that it appends.
  perform from pdoflow.pool where id = p_pool and state in ('up', 'draining') for key share;
  if not found then return; end if;
  for v_round in 1..100 loop
    select * into v_lane from pdoflow.best_lane(p_routes, p_oldest, v_skip);
    select * into v_retry from pdoflow.due_retry(p_routes, v_skip)
    where v_seeks_retry and (v_lane.posting_id is null or not p_oldest);
    -- At the same priority a retry goes first: its posting is the older one.
    v_is_retry := v_retry.posting_id is not null
      and (v_lane.posting_id is null or v_retry.priority >= v_lane.priority);
    v_posting := case when v_is_retry then v_retry.posting_id else v_lane.posting_id end;
    exit when v_posting is null;
    v_wait := pdoflow.limit_wait_ms(v_posting);
    if v_wait is null then
      if v_is_retry then
        v_lease := pdoflow.claim_retries(p_pool, v_retry.route_id, v_retry.priority, v_posting,
                                         p_entry_points, p_caps, p_cap, p_slack_ms);
        v_seeks_retry := v_lease is not null; -- else other pools are taking all that are due
      else
        v_lease := pdoflow.claim_lane(p_pool, v_posting, v_lane.priority, p_entry_points, p_caps,
                                      p_floors, p_cap, p_share, p_slack_ms);
      end if;
      -- Nothing is claimed after a lane was locked in vain: locks of a second one could be waited
      -- for in a circle.
      v_wait := case when v_lease = -1 then coalesce(pdoflow.limit_wait_ms(v_posting), 1) end;
      exit when v_lease >= 0; -- null: another pool was faster, look again
    end if;
    if v_wait is not null then
      v_skip := v_skip || v_posting;
      posting_id := v_posting;
      wait_ms := v_wait;
      return next;
      exit when v_lease = -1;
    end if;
  end loop;
  return query
    select l.id, r.posting_id, r.first_seq, r.end_seq, r.attempt, null::integer
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
    where l.id = v_lease;
end $$;

-- The open lane that comes first: by priority, or the oldest.
create function pdoflow.best_lane(
  p_routes integer[], p_oldest boolean, p_skip bigint[], out posting_id bigint, out priority integer
) language plpgsql stable as $$
#variable_conflict use_column
begin
  if p_oldest then
    select l.posting_id, l.priority into posting_id, priority
    from unnest(p_routes) as route (id) cross join lateral (
      select posting_id, priority from pdoflow.lane
      where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
      order by posting_id limit 1) l
    order by l.posting_id limit 1;
  else
    select l.posting_id, l.priority into posting_id, priority
    from unnest(p_routes) as route (id) cross join lateral (
      select posting_id, priority from pdoflow.lane
      where route_id = route.id and state = 'open' and posting_id <> all (p_skip)
      order by priority desc, posting_id limit 1) l
    order by l.priority desc, l.posting_id limit 1;
  end if;
end $$;

-- The best retry that is due. Steps from one priority to the next lower one by the index, so that
-- a million retries that are not due yet cost one step.
create function pdoflow.due_retry(
  p_routes integer[], p_skip bigint[],
  out route_id integer, out priority integer, out posting_id bigint
) language sql stable as $$
  select route.id, due.priority, due.posting_id
  from unnest(p_routes) as route (id) cross join lateral (
    with recursive level (priority, due_at, posting_id) as (
      (select r.priority, r.due_at, r.posting_id from pdoflow.retry r
       where r.route_id = route.id and r.posting_id <> all (p_skip)
       order by r.priority desc, r.due_at limit 1)
      union all
      select next.priority, next.due_at, next.posting_id
      from level cross join lateral (
        select r.priority, r.due_at, r.posting_id from pdoflow.retry r
        where r.route_id = route.id and r.priority < level.priority
          and r.posting_id <> all (p_skip)
        order by r.priority desc, r.due_at limit 1) next
      where level.due_at > now())
    select level.priority, level.posting_id from level where level.due_at <= now()) due
  order by due.priority desc limit 1
$$;

-- In how many milliseconds the next retry is due, 0 where one is; null where none will be. Steps
-- from priority to priority as due_retry does.
create function pdoflow.next_retry_ms(p_routes integer[], p_skip bigint[] default '{}')
returns double precision language sql stable as $$
  -- Not greatest(…, 0): that makes 0 of a null.
  select case when min(first.due_at) <= now() then 0
              else extract(epoch from min(first.due_at) - now()) * 1000
         end::double precision
  from unnest(p_routes) as route (id) cross join lateral (
    with recursive level (priority, due_at) as (
      (select r.priority, r.due_at from pdoflow.retry r
       where r.route_id = route.id and r.posting_id <> all (p_skip)
       order by r.priority desc, r.due_at limit 1)
      union all
      select next.priority, next.due_at
      from level cross join lateral (
        select r.priority, r.due_at from pdoflow.retry r
        where r.route_id = route.id and r.priority < level.priority
          and r.posting_id <> all (p_skip)
        order by r.priority desc, r.due_at limit 1) next)
    select due_at from level where due_at < 'infinity') first
$$;

-- Takes a range of one lane or, where it is untouched and small, several such lanes whole. Null
-- where the lane is not open any more, 0 where the cap forbids it, -1 where a limit does. L1: the
-- lane's row is locked while its newest lease is read and the next one appended; that read is a
-- statement of its own, after the lock, so that it sees the lease of whoever held the lock before.
create function pdoflow.claim_lane(
  p_pool bigint, p_posting bigint, p_priority integer,
  p_entry_points text[], p_caps integer[], p_floors integer[],
  p_cap integer, p_share double precision, p_slack_ms integer
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lane pdoflow.lane;
  v_entry_point text;
  v_is_limited boolean;
  v_cap integer := p_cap;
  v_floor integer := 1;
  v_cursor integer;
  v_size integer;
  v_lease bigint;
begin
  select * into v_lane from pdoflow.lane
  where posting_id = p_posting and priority = p_priority and state = 'open'
  for no key update;
  if not found then return null; end if;

  select lane_end_seq into v_cursor from pdoflow.lease
  where lane_posting_id = p_posting and lane_priority = p_priority
  order by lane_first_seq desc limit 1;
  select entry_point, coalesce(max_running, rate_count) is not null
  into v_entry_point, v_is_limited from pdoflow.posting where id = p_posting;
  select coalesce(c.cap, p_cap), coalesce(c.floor, 1) into v_cap, v_floor
  from unnest(p_entry_points, p_caps, p_floors) as c (entry_point, cap, floor)
  where c.entry_point = v_entry_point;
  v_cap := coalesce(v_cap, p_cap);
  v_floor := coalesce(v_floor, 1);
  if v_is_limited then v_cap := least(v_cap, p_cap); end if;
  if v_cap < 1 then return 0; end if;

  v_size := v_lane.end_seq - coalesce(v_cursor, v_lane.first_seq);
  v_size := least(v_size, v_cap, greatest(v_floor, ceil(v_size * p_share), 1));
  if v_is_limited then
    v_size := pdoflow.permit_jobs(p_posting, v_size, p_slack_ms);
    if v_size < 1 then return -1; end if;
  elsif v_cursor is null and v_size = v_lane.end_seq - v_lane.first_seq then
    return pdoflow.claim_whole_lanes(p_pool, v_lane.route_id, p_priority, v_entry_point,
                                     p_posting, v_cap, v_floor, p_share);
  end if;
  v_cursor := coalesce(v_cursor, v_lane.first_seq);
  insert into pdoflow.lease (pool_id, lane_posting_id, lane_priority, lane_first_seq, lane_end_seq,
                             posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, p_posting, p_priority, v_cursor, v_cursor + v_size,
          array[p_posting], array[v_cursor], array[v_cursor + v_size], array[1])
  returning id into v_lease;
  if v_cursor + v_size = v_lane.end_seq then
    update pdoflow.lane set state = 'closed', closed_by = v_lease
    where posting_id = p_posting and priority = p_priority;
  end if;
  return v_lease;
end $$;

-- Takes untouched lanes of one route, priority and entry point whole, up to v_size jobs, under one
-- lease: single jobs posted one by one are claimed by the hundred. The caller has locked the first.
create function pdoflow.claim_whole_lanes(
  p_pool bigint, p_route integer, p_priority integer, p_entry_point text,
  p_first bigint, p_cap integer, p_floor integer, p_share double precision
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lease bigint;
  v_locked bigint[];
  v_postings bigint[];
  v_firsts integer[];
  v_ends integer[];
  v_size integer;
begin
  select array_agg(l.posting_id) into v_locked from (
    select posting_id from pdoflow.lane
    where route_id = p_route and state = 'open' and priority = p_priority
      and posting_id >= p_first
    order by posting_id limit 500 for no key update skip locked) l;
  -- A statement after the locks: a lane that has a lease by now is not untouched (L1).
  with free as (
    select l.posting_id, l.first_seq, l.end_seq,
           sum(l.end_seq - l.first_seq) over (order by l.posting_id) as running_total,
           sum(l.end_seq - l.first_seq) over () as total
    from pdoflow.lane l join pdoflow.posting p on p.id = l.posting_id
    where l.posting_id = any (v_locked) and l.priority = p_priority and l.state = 'open'
      and p.entry_point = p_entry_point and coalesce(p.max_running, p.rate_count) is null
      and not exists (select from pdoflow.lease e
                      where e.lane_posting_id = l.posting_id and e.lane_priority = l.priority))
  select array_agg(posting_id order by posting_id), array_agg(first_seq order by posting_id),
         array_agg(end_seq order by posting_id)
  into v_postings, v_firsts, v_ends from free
  where posting_id = p_first
     or running_total <= least(p_cap, greatest(p_floor, ceil(total * p_share)));

  insert into pdoflow.lease (pool_id, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, v_postings, v_firsts, v_ends, array_fill(1, array[cardinality(v_postings)]))
  returning id into v_lease;
  update pdoflow.lane set state = 'closed', closed_by = v_lease
  where posting_id = any (v_postings) and priority = p_priority;
  return v_lease;
end $$;

-- Takes due retries like the first one of a posting, which is due: of its route, priority and entry
-- point, and of the posting alone where that has limits. Passes by those that another pool is
-- taking. Null where none was left, 0 where the cap forbids it, -1 where a limit does.
create function pdoflow.claim_retries(
  p_pool bigint, p_route integer, p_priority integer, p_posting bigint,
  p_entry_points text[], p_caps integer[], p_cap integer, p_slack_ms integer
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_row record;
  v_entry_point text;
  v_is_limited boolean;
  v_left integer;
  v_size integer;
  v_lost integer;
  v_postings bigint[] := '{}';
  v_firsts integer[] := '{}';
  v_ends integer[] := '{}';
  v_attempts integer[] := '{}';
  v_lease bigint;
begin
  select p.entry_point, r.lost, coalesce(p.max_running, p.rate_count) is not null
  into v_entry_point, v_lost, v_is_limited
  from pdoflow.retry r join pdoflow.posting p on p.id = r.posting_id
  where r.route_id = p_route and r.priority = p_priority and r.due_at <= now()
    and r.posting_id = p_posting
  order by r.due_at, r.id limit 1;
  if not found then return null; end if;
  select c.cap into v_left from unnest(p_entry_points, p_caps) as c (entry_point, cap)
  where c.entry_point = v_entry_point;
  v_left := coalesce(v_left, p_cap);
  if v_is_limited then v_left := least(v_left, p_cap); end if;
  if v_left < 1 then return 0; end if;
  -- Two pools were lost with this range in hand: from now on one job a lease, so that the job that
  -- brings its pool down is known (Y3).
  if v_lost >= 2 then v_left := 1; end if;
  if v_is_limited then
    v_left := pdoflow.permit_jobs(p_posting, v_left, p_slack_ms);
    if v_left < 1 then return -1; end if;
  end if;

  -- No more rows are locked than may be taken, so that others can take the rest.
  for v_row in
    select r.* from pdoflow.retry r join pdoflow.posting p on p.id = r.posting_id
    where r.route_id = p_route and r.priority = p_priority and r.due_at <= now()
      and p.entry_point = v_entry_point and (r.lost >= 2) = (v_lost >= 2)
      and case when v_is_limited then p.id = p_posting
               else coalesce(p.max_running, p.rate_count) is null end
    order by r.due_at, r.id limit least(v_left, 500) for update of r skip locked
  loop
    v_size := least(v_row.end_seq - v_row.first_seq, v_left);
    v_lost := greatest(v_lost, v_row.lost);
    v_postings := v_postings || v_row.posting_id;
    v_firsts := v_firsts || v_row.first_seq;
    v_ends := v_ends || (v_row.first_seq + v_size);
    v_attempts := v_attempts || v_row.attempt;
    if v_row.first_seq + v_size = v_row.end_seq then
      delete from pdoflow.retry where id = v_row.id;
    else
      update pdoflow.retry set first_seq = v_row.first_seq + v_size where id = v_row.id;
    end if;
    v_left := v_left - v_size;
    exit when v_left = 0;
  end loop;
  if cardinality(v_postings) = 0 then return null; end if;

  insert into pdoflow.lease (pool_id, lost, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, v_lost, v_postings, v_firsts, v_ends, v_attempts) returning id into v_lease;
  insert into pdoflow.progress (posting_id, retrying, returned)
  select t.posting_id, -coalesce(sum(t.size) filter (where t.attempt > 1), 0),
         -coalesce(sum(t.size) filter (where t.attempt = 1), 0)
  from (select posting_id, end_seq - first_seq as size, attempt
        from unnest(v_postings, v_firsts, v_ends, v_attempts)
          as u (posting_id, first_seq, end_seq, attempt)) t
  group by t.posting_id;
  return v_lease;
end $$;

-- How many more jobs of a posting its limits (P5) allow to be claimed now, and if none, for about
-- how long; both null where it has no limits.
create function pdoflow.limit_room(p_posting bigint, out jobs integer, out wait_ms integer)
language sql stable as $$
  with posting as (
    select max_running, rate_count, rate_ms from pdoflow.posting
    where id = p_posting and coalesce(max_running, rate_count) is not null),
  -- What is leased and has no outcome runs, or may at any moment.
  leased as (
    select coalesce(sum(r.end_seq - r.first_seq - (
      select count(*) from pdoflow.outcome o
      where o.posting_id = p_posting and o.seq >= r.first_seq and o.seq < r.end_seq
        and o.attempt = r.attempt)), 0) as jobs
    from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
    where l.held and p_posting = any (l.posting_ids) and r.posting_id = p_posting
      and exists (select from posting where max_running is not null)),
  permitted as (
    select coalesce(sum(p.jobs), 0) as jobs, min(p.starts_by) as first
    from pdoflow.permit p, posting
    where p.posting_id = p_posting
      and p.starts_by > clock_timestamp() - posting.rate_ms * interval '1 ms')
  select least(max_running - leased.jobs, rate_count - permitted.jobs)::integer,
         case when rate_count <= permitted.jobs then ceil(1000 * extract(epoch from
                permitted.first + rate_ms * interval '1 ms' - clock_timestamp()))
              when max_running <= leased.jobs then 100
         end::integer
  from posting, leased, permitted
$$;

-- For how many milliseconds a posting is about to stay at its limits; null where it is not.
create function pdoflow.limit_wait_ms(p_posting bigint) returns integer language sql stable as $$
  select greatest(wait_ms, 1) from pdoflow.limit_room(p_posting) where jobs < 1
$$;

-- Permits up to p_want jobs of a posting with limits to be claimed in this transaction; returns how
-- many. Such claims of one posting go one by one: hence a lock, and a statement after it that sees
-- what was permitted while this one waited (M1).
create function pdoflow.permit_jobs(p_posting bigint, p_want integer, p_slack_ms integer)
returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_jobs integer;
begin
  perform pg_advisory_xact_lock(hashtextextended('pdoflow.permit ' || p_posting, 0));
  select least(p_want, jobs) into v_jobs from pdoflow.limit_room(p_posting);
  if v_jobs > 0 then
    insert into pdoflow.permit (posting_id, starts_by, jobs)
    select id, clock_timestamp() + p_slack_ms * interval '1 ms', v_jobs
    from pdoflow.posting where id = p_posting and rate_ms is not null;
  end if;
  return v_jobs;
end $$;
