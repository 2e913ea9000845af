-- Claiming jobs that wait again, after a failure or because they were released.

-- Returns the due retry that comes first, by priority and turn. Steps from one priority to the next
-- lower one in the index, so that a million retries that are not due yet cost one step (rule 3). If
-- p_oldest, returns the retry that has been due longest, regardless of its priority (rule 6).
-- Unless p_suspects, ignores retries with which two pools were lost (Y3). Unless p_postings is
-- null, ignores all other postings.
create function pdoflow.due_retry(
  p_routes integer[], p_skip bigint[], p_oldest boolean, p_suspects boolean, p_postings bigint[],
  out route_id integer, out priority integer, out posting_id bigint, out lost integer,
  out turn bigint
) language plpgsql stable as $$
#variable_conflict use_column
begin
  select due.route_id, due.priority, due.posting_id, due.lost, route.turn
  into route_id, priority, posting_id, lost, turn
  from pdoflow.in_turn(p_routes) as route cross join lateral (
    with recursive level (priority, due_at, posting_id, lost) as (
      (select r.priority, r.due_at, r.posting_id, r.lost from pdoflow.retry r
       where r.route_id = route.id and r.posting_id <> all (p_skip)
         and (p_suspects or r.lost < 2)
         and (p_postings is null or r.posting_id = any (p_postings))
       order by r.priority desc, r.due_at limit 1)
      union all
      select next.priority, next.due_at, next.posting_id, next.lost
      from level cross join lateral (
        select r.priority, r.due_at, r.posting_id, r.lost from pdoflow.retry r
        where r.route_id = route.id and r.priority < level.priority
          and r.posting_id <> all (p_skip) and (p_suspects or r.lost < 2)
          and (p_postings is null or r.posting_id = any (p_postings))
        order by r.priority desc, r.due_at limit 1) next
      where p_oldest or level.due_at > now())
    select route.id as route_id, level.* from level where level.due_at <= now()) due
  order by case when p_oldest then due.due_at end, due.priority desc, route.turn limit 1;
end $$;

-- The time in milliseconds until the next retry is due: 0 if one is due, null if there is none.
-- Steps from priority to priority as due_retry does. PostgreSQL before 18 plans this without
-- knowing p_skip; if one posting has all the retries, it then expects no row. Unless p_postings is
-- null, ignores all other postings.
create function pdoflow.next_retry_ms(
  p_routes integer[], p_skip bigint[] default '{}', p_postings bigint[] default null
) returns double precision language sql stable set jit = off set enable_seqscan = off as $$
  -- Not greatest(x, 0), which returns 0 for a null.
  select case when min(first.due_at) <= now() then 0
              else extract(epoch from min(first.due_at) - now()) * 1000
         end::double precision
  from unnest(p_routes) as route (id) cross join lateral (
    with recursive level (priority, due_at) as (
      (select r.priority, r.due_at from pdoflow.retry r
       where r.route_id = route.id and r.posting_id <> all (p_skip)
         and (p_postings is null or r.posting_id = any (p_postings))
       order by r.priority desc, r.due_at limit 1)
      union all
      select next.priority, next.due_at
      from level cross join lateral (
        select r.priority, r.due_at from pdoflow.retry r
        where r.route_id = route.id and r.priority < level.priority
          and r.posting_id <> all (p_skip)
          and (p_postings is null or r.posting_id = any (p_postings))
        order by r.priority desc, r.due_at limit 1) next)
    select due_at from level where due_at < 'infinity') first
$$;

-- Claims the first due retry of a posting, and other due retries of the same route, priority and
-- entry point; only retries of this posting if it has limits. Skips retries that another pool is
-- claiming. Returns the lease; null if no retry is left, 0 if the cap forbids the claim, -1 if a
-- limit does.
create function pdoflow.claim_retries(
  p_pool bigint, p_route integer, p_priority integer, p_posting bigint, p_suspect boolean,
  p_options pdoflow.claim_options
) returns bigint language plpgsql as $$
#variable_conflict use_column
declare
  v_row record;
  v_entry_point text;
  v_is_limited boolean;
  v_left integer;
  v_ahead integer;
  v_running_limit integer;
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
    and r.posting_id = p_posting and (r.lost >= 2) = p_suspect
  order by r.due_at, r.id limit 1;
  if not found then return null; end if;
  select c.cap into v_left
  from unnest(p_options.entry_points, p_options.caps) as c (entry_point, cap)
  where c.entry_point = v_entry_point;
  v_ahead := v_left;
  v_left := coalesce(v_left, p_options.cap);
  if v_left < 1 or v_is_limited and p_options.cap < 1 then return 0; end if;
  -- Two pools were lost with this range: from now on each of its jobs has a lease of its own, so
  -- that the job that kills its pool can be identified (Y3).
  if v_lost >= 2 then v_left := 1; end if;
  if v_is_limited then
    perform pdoflow.lock_permits(p_posting, true);
    select jobs, running_limit into v_left, v_running_limit
    from pdoflow.permit_jobs(p_pool, p_posting, v_left, p_options.cap, v_ahead,
                             p_options.slack_ms);
    if v_left < 1 then return -1; end if;
  end if;

  -- Locks no more rows than it claims, so that other pools can claim the rest.
  for v_row in
    select r.* from pdoflow.retry r join pdoflow.posting p on p.id = r.posting_id
    where r.route_id = p_route and r.priority = p_priority and r.due_at <= now()
      and p.entry_point = v_entry_point and (r.lost >= 2) = (v_lost >= 2)
      and r.posting_id <> all (p_options.skip)
      and (p_options.postings is null or r.posting_id = any (p_options.postings))
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

  insert into pdoflow.lease (pool_id, lost, running_limit, posting_ids, first_seqs, end_seqs,
                             attempts)
  values (p_pool, v_lost, v_running_limit, v_postings, v_firsts, v_ends, v_attempts)
  returning id into v_lease;
  perform pdoflow.uncount_retries(v_postings, v_firsts, v_ends, v_attempts);
  return v_lease;
end $$;

-- Subtracts these ranges from the number of jobs in the retry table (G1).
create function pdoflow.uncount_retries(
  p_postings bigint[], p_firsts integer[], p_ends integer[], p_attempts integer[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
  insert into pdoflow.progress (posting_id, retrying, released)
  select t.posting_id, -coalesce(sum(t.size) filter (where t.attempt > 1), 0),
         -coalesce(sum(t.size) filter (where t.attempt = 1), 0)
  from (select posting_id, end_seq - first_seq as size, attempt
        from unnest(p_postings, p_firsts, p_ends, p_attempts)
          as u (posting_id, first_seq, end_seq, attempt)) t
  group by t.posting_id;
end $$;
