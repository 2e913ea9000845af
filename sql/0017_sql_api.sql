-- What programs in any language may call (docs/sql.md), and the command line and the library do.

-- Posts jobs, given as a text like that of add_jobs, in one statement. Nulls where a span has to be
-- opened first, and p_opens is false.
create function pdoflow.post_batch(
  p_entry_point text, p_options jsonb, p_text text, p_indexes integer[], p_priorities integer[],
  p_sizes integer[], p_opens boolean,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v pdoflow.posting := pdoflow.posting_of(p_entry_point, p_options);
begin
  select s.* into posting_id, job_count, is_new, entry_point
  from pdoflow.start_posting(p_entry_point, p_options, p_opens) s;
  if not is_new or posting_id is null then return; end if;
  v.id := posting_id;
  v.job_count := pdoflow.write_jobs(posting_id, 0, p_text, p_indexes, (
    select max_argument_bytes from pdoflow.limits_of_caller()));
  perform pdoflow.write_posting(v, p_options, p_indexes is not null, p_priorities, p_sizes);
  job_count := v.job_count;
  entry_point := p_entry_point;
end $$;

-- The priority of each job: one for all, or a list of as many. Null where it is one for all.
create function pdoflow.priorities_of(p_options jsonb, p_jobs integer) returns integer[]
language plpgsql as $$
declare
  v_list jsonb := p_options -> 'priority';
begin
  if jsonb_typeof(v_list) is distinct from 'array' then return null; end if;
  if jsonb_array_length(v_list) <> p_jobs then
    raise exception 'option priority: expected % numbers, one for each job, found %', p_jobs,
      jsonb_array_length(v_list) using errcode = 'PF002';
  end if;
  return array(
    select coalesce(pdoflow.whole_option('priority', value, -2147483648, 2147483647), 0)
    from jsonb_array_elements(v_list) with ordinality as p (value, place) order by place);
end $$;

-- Posts one job for each element of p_args, a list of arguments or an object that is the one
-- argument, all or none, and returns the number of the posting.
create function pdoflow.post(p_entry_point text, p_args jsonb, p_options jsonb default '{}')
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
  v_priorities integer[];
  v_lanes record;
  v_jobs record;
  v_posted record;
begin
  if jsonb_typeof(p_args) is distinct from 'array' then
    raise exception 'expected a list of jobs, each a list of arguments or an object, found %',
      coalesce(jsonb_typeof(p_args), 'null') using errcode = 'PF002';
  end if;
  select place - 1 as index, jsonb_typeof(value) as kind into v_wrong
  from jsonb_array_elements(p_args) with ordinality as a (value, place)
  where jsonb_typeof(value) not in ('array', 'object') limit 1;
  if found then
    raise exception 'job %: expected a list of arguments or an object, found a %; one job with '
      'the arguments 1 and 2 is [[1, 2]]', v_wrong.index, v_wrong.kind using errcode = 'PF002';
  end if;
  v_priorities := pdoflow.priorities_of(p_options, jsonb_array_length(p_args));
  select array_agg(priority order by priority desc) as priorities,
         array_agg(size order by priority desc) as sizes into v_lanes
  from (select priority, count(*)::integer as size
        from unnest(v_priorities) as p (priority) group by priority) l;
  select string_agg(value::text, e'\x1e' order by v_priorities[place] desc, place) as text,
         array_agg(place::integer - 1 order by v_priorities[place] desc, place) as indexes
  into v_jobs from jsonb_array_elements(p_args) with ordinality as a (value, place);
  select * into v_posted from pdoflow.post_batch(
    p_entry_point, p_options, coalesce(v_jobs.text, ''),
    case when cardinality(v_lanes.priorities) > 1 then v_jobs.indexes end,
    v_lanes.priorities, v_lanes.sizes, true);
  if v_posted.entry_point <> p_entry_point then
    raise exception 'the key "%" belongs to posting % of %: a posting of % needs a key of its own',
      p_options ->> 'key', v_posted.posting_id, v_posted.entry_point, p_entry_point
      using errcode = 'PF002';
  end if;
  return v_posted.posting_id;
end $$;

-- Adds jobs as post takes them to what begin_posting began; returns how many.
create function pdoflow.add_jobs(p_posting bigint, p_args jsonb[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
begin
  select place - 1 as index, coalesce(jsonb_typeof(value), 'null') as kind into v_wrong
  from unnest(p_args) with ordinality as a (value, place)
  where coalesce(jsonb_typeof(value), 'null') not in ('array', 'object') limit 1;
  if found then
    raise exception 'job % of these: expected a list of arguments or an object, found a %',
      v_wrong.index, v_wrong.kind using errcode = 'PF002';
  end if;
  if coalesce(cardinality(p_args), 0) = 0 then return 0; end if;
  return pdoflow.add_jobs(p_posting, (
    select string_agg(value::text, e'\x1e' order by place)
    from unnest(p_args) with ordinality as a (value, place)), null);
end $$;

-- Of these postings those that the caller may steer: its own, all for an operator.
create function pdoflow.can_modify(p_postings bigint[]) returns bigint[] language sql stable as $$
  select array(select id from pdoflow.posting
               where id = any (p_postings)
                 and (pdoflow.has_grant('operator') or route_id = any (pdoflow.own_routes())))
$$;

create function pdoflow.require_can_modify(p_posting bigint) returns void language plpgsql as $$
begin
  if cardinality(pdoflow.can_modify(array[p_posting])) = 0 then
    raise exception 'there is no posting % that the role % may change', p_posting,
      pdoflow.caller() using errcode = 'PF003';
  end if;
end $$;

alter function pdoflow.resume(bigint[]) rename to reopen;
alter function pdoflow.cancel(bigint[], boolean, text) rename to cancel_all;

-- Stops postings for now, until they are resumed; returns those that it stopped.
create function pdoflow.pause(
  p_postings bigint[], p_reason text default null, p_state pdoflow.posting_state default 'paused'
) returns bigint[] language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_state not in ('paused', 'errored_out') then
    raise exception 'expected the state paused or errored_out, found %', p_state
      using errcode = 'PF002';
  end if;
  return pdoflow.pause_postings(pdoflow.can_modify(p_postings), p_state, p_reason);
end $$;

create function pdoflow.resume(p_postings bigint[]) returns bigint[] language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[] := pdoflow.can_modify(p_postings);
begin
  v_ids := pdoflow.forgive(v_ids) || pdoflow.reopen(v_ids);
  return array(select distinct id from unnest(v_ids) as id order by id);
end $$;

create function pdoflow.cancel(
  p_postings bigint[], p_kills boolean default true, p_reason text default null
) returns bigint[] language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.cancel_all(pdoflow.can_modify(p_postings), p_kills, p_reason); end $$;

-- The same of one posting: true where that changed something.
create function pdoflow.pause(p_posting bigint, p_reason text default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.pause(array[p_posting], p_reason)) > 0;
end $$;

create function pdoflow.resume(p_posting bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.resume(array[p_posting])) > 0;
end $$;

create function pdoflow.cancel(
  p_posting bigint, p_kills boolean default true, p_reason text default null
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.cancel(array[p_posting], p_kills, p_reason)) > 0;
end $$;

-- Tries failed jobs of a posting once more: all, those with an index from p_firsts to p_lasts, or
-- with a fingerprint that begins so. Returns how many; null of a posting that is cancelled.
create function pdoflow.retry(
  p_posting bigint, p_firsts integer[] default null, p_lasts integer[] default null,
  p_fingerprint text default null
) returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  perform pdoflow.require_room_again(p_posting);
  return pdoflow.retry_failed(p_posting, p_firsts, p_lasts, p_fingerprint);
end $$;

-- Sets limits of postings that have not ended: {"maxRunning": 4, "maxRate": "10/s"}, null for none;
-- one that is not named stays. Returns the postings with the limits that they have now.
create function pdoflow.set_limits(p_postings bigint[], p_limits jsonb)
returns table (id bigint, max_running integer, rate_count integer, rate_ms integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_new pdoflow.posting := pdoflow.posting_of('limits#only', p_limits);
  v_ids bigint[];
begin
  if p_limits - array['maxRunning', 'maxRate'] <> '{}' then
    raise exception 'expected maxRunning or maxRate, found %', left(p_limits::text, 1000)
      using errcode = 'PF002';
  end if;
  v_ids := array(select p.id from pdoflow.posting p
                 where p.id = any (pdoflow.can_modify(p_postings)) and p.ended_at is null
                 order by p.id for no key update);
  return query
    with changed as (
      update pdoflow.posting p
      set max_running = case when p_limits ? 'maxRunning' then v_new.max_running
                             else p.max_running end,
          rate_count = case when p_limits ? 'maxRate' then v_new.rate_count
                            else p.rate_count end,
          rate_ms = case when p_limits ? 'maxRate' then v_new.rate_ms else p.rate_ms end
      where p.id = any (v_ids)
      returning p.id, p.max_running, p.rate_count, p.rate_ms),
    told as (select c.*, pg_notify('pdoflow.posted', c.id::text) from changed c)
    select t.id, t.max_running, t.rate_count, t.rate_ms from told t order by t.id;
end $$;

-- Gives postings that have not ended another priority; returns those.
create function pdoflow.set_priority(p_postings bigint[], p_priority integer) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.set_priorities(pdoflow.can_modify(p_postings), p_priority); end $$;

create function pdoflow.set_priority(p_posting bigint, p_priority integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.set_priority(array[p_posting], p_priority)) > 0;
end $$;

-- Tells pools to take no more jobs, by their numbers or hosts; returns those that it told. One that
-- does not answer has from now on a minute at most before the others declare it lost, however
-- patient it asked them to be: so this ends pools that are not there (any more), or never were.
create function pdoflow.drain_pools(p_ids bigint[], p_hosts text[])
returns table (id bigint, host text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
    with told as (
      update pdoflow.pool p
      set state = 'draining', heartbeat_timeout_ms = least(p.heartbeat_timeout_ms, 60000)
      where p.id in (select w.id from pdoflow.pool w
                     where (w.id = any (p_ids) or w.host = any (p_hosts))
                       and (w.state = 'up'
                         or w.state = 'draining' and w.heartbeat_timeout_ms > 60000)
                     order by w.id for no key update)
      returning p.id, p.host, pg_notify('pdoflow.changed', ''))
    select t.id, t.host from told t order by t.id;
end $$;
