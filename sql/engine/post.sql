-- Writing a posting: its number, keys, jobs, route and lanes.

-- The limits for postings of a role (T3, T4); null means no limit. The owner has no limits.
create function pdoflow.limits_of(
  p_role text, p_is_owner boolean,
  out max_open integer, out max_argument_bytes integer, out max_result_bytes integer,
  out max_output_bytes integer
) language plpgsql stable as $$
begin
  if p_is_owner then return; end if;
  select case when bool_or(g.max_open is null) then null else max(g.max_open) end,
         case when bool_or(g.max_argument_bytes is null) then null
              else max(g.max_argument_bytes) end,
         case when bool_or(g.max_result_bytes is null) then null
              else max(g.max_result_bytes) end,
         case when bool_or(g.max_output_bytes is null) then null
              else max(g.max_output_bytes) end
  into max_open, max_argument_bytes, max_result_bytes, max_output_bytes
  from pdoflow.grants_of(p_role) g where kind = 'poster';
end $$;

create function pdoflow.limits_of_caller(
  out max_open integer, out max_argument_bytes integer, out max_result_bytes integer,
  out max_output_bytes integer
) language plpgsql stable as $$
begin
  select l.* into max_open, max_argument_bytes, max_result_bytes, max_output_bytes
  from pdoflow.limits_of(pdoflow.caller(), pdoflow.is_owner()) l;
end $$;

-- Raises an error if a role has reached its limit of unfinished postings. Drafts of its jobs count.
create function pdoflow.require_room(p_limit integer, p_role text default pdoflow.caller())
returns void language plpgsql as $$
declare
  v_routes integer[] := array(select id from pdoflow.route where poster = p_role);
begin
  if p_limit <= (select count(*) from (
       select from pdoflow.posting
       where route_id = any (v_routes) and ended_at is null
         and entry_point <> pdoflow.notification_entry_point() limit p_limit) open)
     + (select count(*) from pdoflow.child
        where draft is not null and route_id = any (v_routes)) then
    raise exception 'the role % has reached its limit of % open postings: wait until some '
      'have ended, cancel some, or ask the owner of the queue for a higher limit',
      p_role, p_limit using errcode = 'PF001';
  end if;
end $$;

-- The same for a posting that this transaction adds; of several at the same moment, the later ones
-- wait for the lock. A null is no limit.
create function pdoflow.take_room(p_limit integer, p_role text default pdoflow.caller())
returns void language plpgsql as $$
begin
  if p_limit is null then return; end if;
  perform pg_advisory_xact_lock(hashtextextended('pdoflow.open ' || p_role, 0));
  perform pdoflow.require_room(p_limit, p_role); -- a separate statement: it sees all
end $$;

-- Whether a role may post. Unlike has_grant, for roles other than the caller, too.
create function pdoflow.may_post(p_role text) returns boolean language plpgsql stable as $$
begin
  return pdoflow.owns(p_role)
    or exists (select from pdoflow.grants_of(p_role) where kind = 'poster');
end $$;

-- The number of a new posting. If no span has room, this opens one, or waits for one.
create function pdoflow.new_posting_id() returns bigint language plpgsql as $$
declare
  v_id bigint;
begin
  for v_try in 1..200 loop
    v_id := pdoflow.take_posting_id();
    if v_id is not null then return v_id; end if;
    perform pdoflow.make_room(v_try);
  end loop;
  raise exception 'found no room for a posting: try again' using errcode = '40001';
end $$;

-- Takes room for an ended posting of the caller that a retry opens again.
create function pdoflow.require_room_again(p_posting bigint) returns void language plpgsql as $$
declare
  v_limit integer := (select max_open from pdoflow.limits_of_caller());
begin
  if v_limit is null or not exists (
    select from pdoflow.posting where id = p_posting and ended_at is not null
      and route_id = any (pdoflow.own_routes())) then
    return;
  end if;
  perform pdoflow.take_room(v_limit);
end $$;

-- Returns the id of a new posting of the caller, or the posting that already has its key, then
-- with its token. Returns
-- nulls if no span has room and p_opens is false: then call next_span in a separate transaction.
create function pdoflow.start_posting(
  p_entry_point text, p_options jsonb, p_opens boolean,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text,
  out token bigint
) language plpgsql as $$
#variable_conflict use_column
declare
  v_key text := p_options ->> 'key';
  v_os_user text := coalesce(p_options ->> 'osUser', '');
  v_known record;
begin
  perform pdoflow.require_poster();
  for v_try in 1..200 loop
    posting_id := pdoflow.take_posting_id();
    exit when posting_id is not null or not p_opens;
    perform pdoflow.make_room(v_try);
  end loop;
  if posting_id is null then return; end if;
  -- Opens the next span early if no pool does. Other posters have room until this transaction ends.
  if p_opens and posting_id % 100 = 0 and not pdoflow.is_kept() and pdoflow.room() < 5000
     and pg_try_advisory_xact_lock(pdoflow.span_lock(0)) then
    perform pdoflow.open_span();
  end if;
  is_new := true;
  while v_key is not null loop
    insert into pdoflow.posting_key (poster, poster_os, key, posting_id)
    values (pdoflow.caller(), v_os_user, v_key, posting_id) on conflict do nothing;
    exit when found;
    -- Into a record, so that posting_id stays if nothing is found.
    select p.id, p.job_count, p.entry_point, p.token, r.project into v_known
    from pdoflow.posting_key k join pdoflow.posting p on p.id = k.posting_id
      join pdoflow.route r on r.id = p.route_id
    where k.poster = pdoflow.caller() and k.poster_os = v_os_user and k.key = v_key;
    continue when not found; -- it was pruned between the two statements: the key is free again
    -- A posting of another entry point is refused by the calling function.
    if v_known.entry_point = p_entry_point
       and v_known.project <> pdoflow.project_option(p_options) then
      raise exception 'the key "%" belongs to posting % of the project "%": a posting of the '
        'project "%" needs a key of its own', v_key, v_known.id, v_known.project,
        pdoflow.project_option(p_options) using errcode = 'PF002';
    end if;
    posting_id := v_known.id;
    job_count := v_known.job_count;
    entry_point := v_known.entry_point;
    token := v_known.token;
    is_new := false;
    exit;
  end loop;
end $$;

-- Assigns its job key to a new posting. The posting that had the key is cancelled if none of its
-- jobs was ever claimed. Call this last in a transaction, because claims of that posting wait until
-- it ends.
create function pdoflow.take_job_key(
  p_posting bigint, p_os_user text, p_project text, p_key text
) returns void language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_before bigint;
  v_project text;
begin
  loop
    insert into pdoflow.job_key (poster, poster_os, key, posting_id)
    values (pdoflow.caller(), p_os_user, p_key, p_posting) on conflict do nothing;
    if found then return; end if;
    select posting_id into v_before from pdoflow.job_key
    where poster = pdoflow.caller() and poster_os = p_os_user and key = p_key for no key update;
    exit when found; -- else it was pruned between the two statements
  end loop;
  update pdoflow.job_key set posting_id = p_posting
  where poster = pdoflow.caller() and poster_os = p_os_user and key = p_key;
  -- Locks in the same order as cancelling. The query for leases is a separate statement after the
  -- locks, so that it sees the leases of their previous owners. Does not lock an ended posting,
  -- because prune may be deleting it, and would wait for its job_key.
  perform from pdoflow.posting where id = v_before and ended_at is null for no key update;
  if not found then return; end if;
  perform from pdoflow.lane where posting_id = v_before order by priority for no key update;
  if (select bool_and(state <> 'closed') from pdoflow.lane where posting_id = v_before)
     and not exists (select from pdoflow.lease where lane_posting_id = v_before)
     or exists (select from pdoflow.posting p
                where p.id = v_before and not pdoflow.has_begun(p)
                  and exists (select from pdoflow.edge e
                              where e.posting_id = p.id and e.kind in ('each', 'over'))) then
    select r.project into v_project
    from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
    where p.id = v_before and p.ended_at is null;
    if v_project <> p_project then
      raise exception 'the job key "%" belongs to posting % of the project "%", which is waiting: '
        'a posting of the project "%" needs a job key of its own', p_key, v_before, v_project,
        p_project using errcode = 'PF002';
    end if;
    perform pdoflow.cancel_postings(
      array[v_before], false,
      format('replaced by posting %s, which has the same job key', p_posting));
  end if;
end $$;

-- Whether these are the priorities of lanes, highest first, and the numbers of their jobs.
create function pdoflow.are_lanes(p_priorities integer[], p_sizes integer[], p_jobs integer)
returns boolean language plpgsql as $$
begin
  if cardinality(p_priorities) = 1 then
    return p_sizes is not distinct from array[p_jobs];
  end if;
  return cardinality(p_priorities) = cardinality(p_sizes)
    and p_jobs is not distinct from (select sum(size) from unnest(p_sizes) as s (size))
    and p_priorities = array(select distinct priority from unnest(p_priorities) as p (priority)
                             order by priority desc);
end $$;

-- Writes the posting of a role and its lanes: one lane, or one for each of p_priorities, highest
-- first, with the numbers of jobs in p_sizes (N1). It has none with an element-wise edge, such as
-- that to p_over.
create function pdoflow.write_posting(
  v pdoflow.posting, p_options jsonb, p_is_sorted boolean,
  p_priorities integer[], p_sizes integer[], p_over bigint default null,
  p_poster text default pdoflow.caller()
) returns void language plpgsql as $$
declare
  v_limits record;
  v_edges record;
  v_state pdoflow.lane_state;
begin
  if v.expands is null and (v.job_count is null or v.job_count < 1) then
    raise exception 'expected at least one job, found none: nothing was posted'
      using errcode = 'PF002';
  end if;
  if p_priorities is null then
    p_priorities := array[coalesce(pdoflow.whole_option(
      'priority', p_options -> 'priority', -2147483648, 2147483647), 0)];
    p_sizes := array[v.job_count];
  end if;
  if p_is_sorted <> (cardinality(p_priorities) > 1)
     or not pdoflow.are_lanes(p_priorities, p_sizes, v.job_count) then
    raise exception 'expected lanes of % jobs, highest priority first, found priorities % of %',
      v.job_count, p_priorities, p_sizes using errcode = 'PF002';
  end if;
  perform pdoflow.require_gatherable(v, p_poster);
  v_limits := pdoflow.limits_of(p_poster, pdoflow.owns(p_poster));
  v.max_result_bytes := v_limits.max_result_bytes;
  v.max_output_bytes := v_limits.max_output_bytes;
  if v.flow_id is not null and exists (
    select from pdoflow.flow
    where id = v.flow_id and coalesce(on_end, on_failure) is not null) then
    v.notified := -1; -- F4
  end if;
  v.is_sorted := p_is_sorted;
  if not p_is_sorted then v.priority := p_priorities[1]; end if;
  if p_is_sorted then perform pdoflow.write_order(v.id, v.job_count); end if;
  perform pdoflow.take_room(v_limits.max_open, p_poster);
  -- As late as possible: other transactions that post with the same new route wait for this one.
  v.route_id := pdoflow.find_route(
    coalesce(p_options ->> 'osUser', ''), coalesce(p_options -> 'needs', '[]'),
    coalesce(p_options ->> 'run', ''), pdoflow.project_option(p_options), p_poster);
  v_edges := pdoflow.write_edges(v, pdoflow.after_of(v, p_options), p_over, p_poster);
  v.waits := v_edges.waits;
  insert into pdoflow.posting select v.*;
  v_state := case when v.run_at is null and not v.waits then 'open' else 'paused' end;
  if v.expands is not null then
    perform pdoflow.expand_postings(array[v.id]); -- if the list is there already
  elsif v_edges.is_fed then
    insert into pdoflow.progress (posting_id, released) values (v.id, v.job_count); -- E2
  elsif cardinality(p_priorities) = 1 then
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
    values (v.id, p_priorities[1], 0, v.job_count, v.route_id, v_state);
  else
    insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id, state)
    select v.id, priority, sum(size) over higher - size, sum(size) over higher, v.route_id, v_state
    from unnest(p_priorities, p_sizes) with ordinality as l (priority, size, position)
    window higher as (order by position);
  end if;
  if p_options ->> 'jobKey' is not null then
    perform pdoflow.take_job_key(
      v.id, coalesce(p_options ->> 'osUser', ''), pdoflow.project_option(p_options),
      p_options ->> 'jobKey');
  end if;
  perform pdoflow.wake(array[v.id]);
end $$;
