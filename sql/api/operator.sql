-- Functions that posters call for their own postings, and operators for all (docs/sql.md).

-- The postings among p_postings that the caller can modify: its own, or all if it is an operator.
create function pdoflow.can_modify(p_postings bigint[]) returns bigint[] language sql stable as $$
  select array(select id from pdoflow.posting
               where id = any (p_postings)
                 and (pdoflow.has_grant('operator') or route_id = any (pdoflow.own_routes())))
$$;

create function pdoflow.require_can_modify(p_posting bigint) returns void language plpgsql as $$
begin
  if cardinality(pdoflow.can_modify(array[p_posting])) = 0 then
    raise exception 'there is no posting % that the role % can change', p_posting,
      pdoflow.caller() using errcode = 'PF003';
  end if;
end $$;

-- Stops postings until they are resumed; returns the stopped postings.
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

-- The same for one posting. Returns whether that changed anything.
create function pdoflow.pause(p_posting bigint, p_reason text default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.pause(array[p_posting], p_reason)) > 0;
end $$;

create function pdoflow.resume(p_postings bigint[]) returns bigint[] language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[] := pdoflow.can_modify(p_postings);
begin
  v_ids := pdoflow.clear_refusals(v_ids) || pdoflow.resume_postings(v_ids);
  return array(select distinct id from unnest(v_ids) as id order by id);
end $$;

create function pdoflow.resume(p_posting bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.resume(array[p_posting])) > 0;
end $$;

create function pdoflow.cancel(
  p_postings bigint[], p_kills boolean default true, p_reason text default null
) returns bigint[] language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.cancel_postings(pdoflow.can_modify(p_postings), p_kills, p_reason); end $$;

create function pdoflow.cancel(
  p_posting bigint, p_kills boolean default true, p_reason text default null
) returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.cancel(array[p_posting], p_kills, p_reason)) > 0;
end $$;

-- Lets postings run although they wait for others; returns the postings that waited.
create function pdoflow.unblock(p_postings bigint[]) returns bigint[] language plpgsql
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.unblock_postings(pdoflow.can_modify(p_postings)); end $$;

create function pdoflow.unblock(p_posting bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.unblock(array[p_posting])) > 0;
end $$;

-- Retries failed jobs of a posting: all of them, jobs with an index from p_firsts to p_lasts, or
-- with a fingerprint that begins with p_fingerprint. Returns their number; null if the posting is
-- cancelled.
create function pdoflow.retry(
  p_posting bigint, p_firsts integer[] default null, p_lasts integer[] default null,
  p_fingerprint text default null
) returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  perform pdoflow.require_room_again(p_posting);
  return pdoflow.retry_failed(p_posting, p_firsts, p_lasts, p_fingerprint);
end $$;

-- Sets limits of postings that are not cancelled, as options (docs/sql.md): {"maxRunning": 4,
-- "maxRate": null}. Limits that are not named stay. Returns the postings with their limits.
create function pdoflow.set_limits(p_postings bigint[], p_limits jsonb)
returns table (id bigint, max_running integer, rate_count integer, rate_ms integer,
               stop_after integer, max_failures integer, max_failures_percent real,
               max_attempts integer, backoff_ms bigint, timeout_ms bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_limits constant text[] := array[
    'maxRunning', 'maxRate', 'stopAfter', 'maxFailures', 'maxFailuresPercent', 'maxAttempts',
    'backoffMs', 'timeoutMs'];
  v pdoflow.posting;
  v_key text;
  v_value jsonb;
  v_ids bigint[];
  v_signed bigint;
begin
  if jsonb_typeof(p_limits) is distinct from 'object' then
    perform pdoflow.refuse_option('(all)', 'an object', coalesce(p_limits, 'null'));
  end if;
  if p_limits - v_limits <> '{}' then
    raise exception 'expected %, found %', array_to_string(v_limits, ', '),
      left(p_limits::text, 1000) using errcode = 'PF002';
  end if;
  for v_key, v_value in select * from jsonb_each(p_limits) loop
    v := pdoflow.with_option(v, v_key, v_value);
  end loop;
  v_ids := array(select p.id from pdoflow.posting p
                 where p.id = any (pdoflow.can_modify(p_postings)) and p.state <> 'cancelled'
                 order by p.id for no key update);
  v_signed := (select min(s.posting_id) from pdoflow.signature s where s.posting_id = any (v_ids)
               and p_limits ?| array['maxAttempts', 'backoffMs', 'timeoutMs']);
  if v_signed is not null then
    raise exception 'posting % is signed with its max attempts, backoff and timeout: to change '
      'them, post it again', v_signed using errcode = 'PF002';
  end if;
  return query
    with changed as (
      update pdoflow.posting p
      set max_running = case when p_limits ? 'maxRunning' then v.max_running
                             else p.max_running end,
          rate_count = case when p_limits ? 'maxRate' then v.rate_count else p.rate_count end,
          rate_ms = case when p_limits ? 'maxRate' then v.rate_ms else p.rate_ms end,
          stop_after = coalesce(v.stop_after, p.stop_after),
          max_failures = case when p_limits ? 'maxFailures' then v.max_failures
                              else p.max_failures end,
          max_failures_percent = case when p_limits ? 'maxFailuresPercent'
                                      then v.max_failures_percent
                                      else p.max_failures_percent end,
          max_attempts = coalesce(v.max_attempts, p.max_attempts),
          backoff_ms = coalesce(v.backoff_ms, p.backoff_ms),
          timeout_ms = case when p_limits ? 'timeoutMs' then v.timeout_ms else p.timeout_ms end
      where p.id = any (v_ids)
      returning p.*),
    notified as (select c.*, pg_notify('pdoflow.posted', c.id::text) from changed c)
    select t.id, t.max_running, t.rate_count, t.rate_ms, t.stop_after, t.max_failures,
           t.max_failures_percent, t.max_attempts, t.backoff_ms, t.timeout_ms
    from notified t order by t.id;
end $$;

-- Changes the priority of unfinished postings, and returns them.
create function pdoflow.set_priority(p_postings bigint[], p_priority integer) returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.set_priorities(pdoflow.can_modify(p_postings), p_priority); end $$;

create function pdoflow.set_priority(p_posting bigint, p_priority integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_can_modify(p_posting);
  return cardinality(pdoflow.set_priority(array[p_posting], p_priority)) > 0;
end $$;

-- Drains pools, by number or host; returns the pools that were up. A pool that does not answer is
-- declared lost after at most one minute, even if its heartbeat timeout is longer: so this also
-- ends pools that no longer exist.
create function pdoflow.drain_pools(p_numbers bigint[], p_hosts text[])
returns table (number bigint, host text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
    with notified as (
      update pdoflow.pool p
      set state = 'draining', heartbeat_timeout_ms = least(p.heartbeat_timeout_ms, 60000)
      where p.id in (select w.id from pdoflow.pool w
                     where (w.number = any (p_numbers) or w.host = any (p_hosts))
                       and (w.state = 'up'
                         or w.state = 'draining' and w.heartbeat_timeout_ms > 60000)
                     order by w.id for no key update)
      returning p.number, p.host, pg_notify('pdoflow.changed', ''))
    select t.number, t.host from notified t order by t.number;
end $$;
