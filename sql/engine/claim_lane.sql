-- Claiming jobs that were never claimed before.

-- Claims a range of one lane or, if the lane is small and unclaimed, several such lanes whole.
-- Returns the lease; null if the lane is no longer open or, without p_waits, is locked, or if its
-- posting gets its first limits at this moment; 0 if the cap forbids the claim, -1 if a limit does.
-- L1: the row of the lane is locked while its newest lease is read and the next one is appended.
-- That read is a separate statement after the lock, so that it sees the lease of the previous owner
-- of the lock.
create function pdoflow.claim_lane(
  p_pool bigint, p_posting bigint, p_priority integer, p_options pdoflow.claim_options,
  p_waits boolean
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lane pdoflow.lane;
  v_entry_point text;
  v_is_limited boolean;
  v_is_late boolean; -- it has got its limits since then
  v_cap integer := p_options.cap;
  v_floor integer := 1;
  v_ahead integer;
  v_running_limit integer;
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

  select c.seq, coalesce(p.max_running, p.rate_count) is not null and not v_is_limited
  into v_cursor, v_is_late
  from pdoflow.posting p left join lateral pdoflow.lane_cursor(p_posting, p_priority) c on true
  where p.id = p_posting;
  if v_is_late then return null; end if;
  select coalesce(c.cap, p_options.cap), coalesce(c.floor, 1) into v_cap, v_floor
  from unnest(p_options.entry_points, p_options.caps, p_options.floors)
    as c (entry_point, cap, floor)
  where c.entry_point = v_entry_point;
  v_ahead := v_cap;
  v_cap := coalesce(v_cap, p_options.cap);
  v_floor := coalesce(v_floor, 1);
  if v_cap < 1 or v_is_limited and p_options.cap < 1 then return 0; end if;

  v_size := v_lane.end_seq - coalesce(v_cursor, v_lane.first_seq);
  v_size := least(v_size, v_cap, greatest(v_floor, ceil(v_size * p_options.share), 1));
  if v_is_limited then
    select jobs, running_limit into v_size, v_running_limit
    from pdoflow.permit_jobs(p_pool, p_posting, v_size, p_options.cap, v_ahead,
                             p_options.slack_ms);
    if v_size < 1 then return -1; end if;
  elsif p_options.postings is null and v_cursor is null
    and v_size = v_lane.end_seq - v_lane.first_seq then
    return pdoflow.claim_whole_lanes(p_pool, v_lane, v_entry_point, v_cap, v_floor,
                                     p_options.share, p_options.skip);
  end if;
  v_cursor := coalesce(v_cursor, v_lane.first_seq);
  insert into pdoflow.lease (pool_id, lane_posting_id, lane_priority, lane_first_seq, lane_end_seq,
                             running_limit, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, p_posting, p_priority, v_cursor, v_cursor + v_size, v_running_limit,
          array[p_posting], array[v_cursor], array[v_cursor + v_size], array[1])
  returning id into v_lease;
  if v_cursor + v_size = v_lane.end_seq then
    delete from pdoflow.lane l
    where posting_id = p_posting and priority = p_priority and exists (
      select from pdoflow.posting p where p.id = p_posting and p.priority is not null);
    update pdoflow.lane set state = 'closed', closed_by = v_lease
    where posting_id = p_posting and priority = p_priority;
  end if;
  return v_lease;
end $$;

-- Claims whole lanes under one lease: p_first, which is locked, and further unclaimed lanes with
-- the same route, effective priority and entry point, up to the size of a claim. So jobs that are
-- posted one by one are claimed by the hundred.
create function pdoflow.claim_whole_lanes(
  p_pool bigint, p_first pdoflow.lane, p_entry_point text, p_cap integer, p_floor integer,
  p_share double precision, p_skip bigint[]
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_lease bigint;
  v_locked record;
  v_taken record;
begin
  select array_agg(l.posting_id) as ids, array_agg(l.priority) as priorities,
         array_agg(l.first_seq) as firsts, array_agg(l.end_seq) as ends, array_agg(l.tid) as tids
  into v_locked from (
    select posting_id, priority, first_seq, end_seq, ctid as tid from pdoflow.lane
    where route_id = p_first.route_id and state = 'open'
      and effective_priority = p_first.effective_priority and posting_id >= p_first.posting_id
      and posting_id <> all (p_skip)
    order by posting_id, priority desc limit 500 for no key update skip locked) l;
  -- A separate statement after the locks: it skips lanes that were claimed in part before they were
  -- locked (L1). A lane of one job never is.
  with free as (
    select l.*, p.priority is null as stays,
           sum(l.end_seq - l.first_seq) over (order by l.position) as running_total,
           sum(l.end_seq - l.first_seq) over () as total
    from unnest(v_locked.ids, v_locked.priorities, v_locked.firsts, v_locked.ends, v_locked.tids)
           with ordinality as l (posting_id, priority, first_seq, end_seq, tid, position)
      join pdoflow.posting p on p.id = l.posting_id
    where p.entry_point = p_entry_point and coalesce(p.max_running, p.rate_count) is null
      and (l.end_seq - l.first_seq = 1 or not exists (
        select from pdoflow.lease e
        where e.lane_posting_id = l.posting_id and e.lane_priority = l.priority)))
  select array_agg(posting_id order by position) as postings,
         array_agg(first_seq order by position) as firsts,
         array_agg(end_seq order by position) as ends,
         array_agg(tid) filter (where stays) as closed,
         array_agg(tid) filter (where not stays) as gone
  into v_taken from free
  where posting_id = p_first.posting_id and priority = p_first.priority
     or running_total <= least(p_cap, greatest(p_floor, ceil(total * p_share)));

  if v_taken.postings is null then return null; end if; -- the first has limits since a moment

  insert into pdoflow.lease (pool_id, posting_ids, first_seqs, end_seqs, attempts)
  values (p_pool, v_taken.postings, v_taken.firsts, v_taken.ends,
          array_fill(1, array[cardinality(v_taken.postings)]))
  returning id into v_lease;
  delete from pdoflow.lane where ctid = any (v_taken.gone);
  update pdoflow.lane set state = 'closed', closed_by = v_lease where ctid = any (v_taken.closed);
  return v_lease;
end $$;
