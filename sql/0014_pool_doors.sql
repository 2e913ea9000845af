-- What a pool may do. Each of these runs as the owner of the schema, for a role that was granted to
-- run pools (0012_roles.sql): a pool acts for itself alone, and on what it has leased.
-- A pool is trusted with the jobs that it has taken, and with no others.

-- A pool of which there is no row was lost in a failover: it takes a new one (PF004).
create function pdoflow.require_pool(p_pool bigint) returns void language plpgsql stable as $$
begin
  if not exists (select from pdoflow.pool where id = p_pool) then
    raise exception 'there is no pool %', p_pool using errcode = 'PF004';
  end if;
  if not exists (select from pdoflow.pool
                 where id = p_pool and (role = pdoflow.caller() or pdoflow.is_owner())) then
    raise insufficient_privilege using message =
      format('there is no pool %s of the role %s', p_pool, pdoflow.caller());
  end if;
end $$;

create function pdoflow.pool_register(
  p_host text, p_pid integer, p_version text, p_os_user text, p_slots integer,
  p_heartbeat_timeout_ms integer, p_provides jsonb, p_posters text[], p_project text default null
) returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id bigint;
  v_most integer := case when pdoflow.runs_all() then 10000 else 200 end;
begin
  if not coalesce(p_heartbeat_timeout_ms between 1 and 86400000 and p_slots between 0 and 1024,
    false) then
    raise exception 'expected a heartbeat timeout of at most a day and 0 to 1024 worker slots, '
      'found % ms and %', p_heartbeat_timeout_ms, p_slots using errcode = 'PF002';
  end if;
  if jsonb_typeof(p_provides) is distinct from 'object' or octet_length(p_provides::text) > 4000
     or octet_length(p_posters::text) > 100000 or octet_length(p_project) > 1000 then
    raise exception 'expected what the pool provides as an object of at most 4000 bytes, at most '
      '100000 bytes of posters, and 1000 of a project' using errcode = 'PF002';
  end if;
  if v_most <= (select count(*) from pdoflow.pool
                where state in ('up', 'draining') and role = pdoflow.caller()) then
    raise exception 'expected fewer than % pools of the role % that have not ended, found as many: '
      'stop some, or wait until those that were killed have been declared lost', v_most,
      pdoflow.caller() using errcode = 'PF001';
  end if;
  insert into pdoflow.pool (host, pid, version, role, os_user, slots, heartbeat_timeout_ms,
    provides,
                            posters, project, serves_all)
  values (left(p_host, 255), p_pid, left(p_version, 100), pdoflow.caller(), left(p_os_user, 100),
          p_slots, p_heartbeat_timeout_ms, p_provides, p_posters, p_project, pdoflow.runs_all())
  returning id into v_id;
  return v_id;
end $$;

-- What is told as running is read by whoever rescues this pool: its form is checked here. The slots
-- are those of pools that claim the same jobs (O7), and were heard of in the last minute.
create function pdoflow.pool_beat(p_pool bigint, p_running jsonb, p_listens boolean)
returns table (is_up boolean, is_draining boolean, slots bigint, followed bigint[])
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_state text;
begin
  perform pdoflow.require_pool(p_pool);
  if octet_length(p_running::text) > 1024 * 1024 then
    raise exception 'expected at most 1 MiB of running jobs' using errcode = 'PF002';
  end if;
  perform from jsonb_to_recordset(p_running) as j (posting bigint, seq integer, attempt integer);
  update pdoflow.pool set beat_at = clock_timestamp(), running = p_running, listens = p_listens
  where id = p_pool and state in ('up', 'draining') returning state into v_state;
  return query
    select v_state is not null, coalesce(v_state = 'draining', false),
           coalesce(sum(p.slots), 0)::bigint,
           array(select f.posting_id from pdoflow.followed f
                 where f.until > now() and f.posting_id in (
                   select (j.value ->> 'posting')::bigint from jsonb_array_elements(p_running) j))
    from pdoflow.pool p
    where id = p_pool or (
      state = 'up' and (serves_all or role = pdoflow.caller())
      and beat_at > clock_timestamp() - least(heartbeat_timeout_ms, 60000) * interval '1 ms');
end $$;

-- Says that a pool waits for postings (O5).
create function pdoflow.pool_listens(p_pool bigint) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  update pdoflow.pool set listens = true where id = p_pool and not listens;
end $$;

create function pdoflow.pool_drain(p_pool bigint) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  update pdoflow.pool set state = 'draining' where id = p_pool and state = 'up';
end $$;

create function pdoflow.pool_end(p_pool bigint) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  delete from pdoflow.live_output where pool_id = p_pool;
  return pdoflow.end_pool(p_pool);
end $$;

create function pdoflow.pool_claim(
  p_pool bigint, p_routes integer[], p_oldest boolean,
  p_entry_points text[], p_caps integer[], p_floors integer[],
  p_cap integer, p_share double precision, p_skip bigint[], p_slack_ms integer,
  p_read_most integer, p_separator text
) returns table (lease_id bigint, first_seq integer, end_seq integer, attempt integer,
                 wait_ms integer, most_running integer, posting_ids text, places text, args text,
                 posting json)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  if p_slack_ms not between 0 and 60000 then
    raise exception 'expected 0 to 60000 ms of slack, found %', p_slack_ms
      using errcode = 'PF002';
  end if;
  return query select * from pdoflow.claim_jobs(
    p_pool, pdoflow.served(p_routes), p_oldest, p_entry_points, p_caps, p_floors, p_cap, p_share,
    p_skip, p_slack_ms, p_read_most, p_separator);
end $$;

-- What a pool must know of postings to run their jobs, of those that the caller's may run.
create function pdoflow.pool_runnable(p_postings bigint[]) returns table (posting json)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select r.posting from pdoflow.runnable r
    where r.id = any (p_postings) and (pdoflow.runs_all() or exists (
      select from pdoflow.posting p
      where p.id = r.id and p.route_id = any (pdoflow.run_routes())));
end $$;

-- Refuses outcomes of which more would be kept than of any (64 Mi characters of result or error,
-- 256 KiB of output), or than their posters may have kept (T4). A pool of ours sends none; of an
-- error that is longer it leaves name and message, up to 8 Ki characters.
create function pdoflow.require_kept(
  p_count integer, p_postings bigint[], p_results text[], p_errors text[], p_stdouts text[],
  p_stderrs text[]
) returns void language plpgsql stable set jit = off set enable_seqscan = off as $$
declare
  v record;
begin
  -- The sizes of whole arrays are known at once: nearly always nothing more is to be measured.
  if greatest(pg_column_size(p_results), pg_column_size(p_errors)) > 67108864
     and exists (select from unnest(p_results || p_errors) as kept (text)
                 where length(kept.text) > 67108864)
     or greatest(pg_column_size(p_stdouts), pg_column_size(p_stderrs)) > 262144
     and exists (select from unnest(p_stdouts || p_stderrs) as kept (text)
                 where octet_length(kept.text) > 262144) then
    raise exception 'expected at most 64 Mi characters of a result or an error, and 256 KiB of '
      'output, found more' using errcode = 'program_limit_exceeded';
  end if;
  if not exists (select from pdoflow.posting
                 where id = any (p_postings)
                   and (max_result_bytes is not null or max_output_bytes is not null)) then
    return;
  end if;
  select b.posting_id, p.max_result_bytes, p.max_output_bytes into v
  from unnest(pdoflow.repeated(p_postings, p_count), p_results, p_errors, p_stdouts, p_stderrs)
      as b (posting_id, result, error, stdout, stderr)
    join pdoflow.posting p on p.id = b.posting_id
  where octet_length(b.result) > p.max_result_bytes
     or octet_length(b.error) > greatest(p.max_result_bytes, 65536)
     or greatest(octet_length(b.stdout), octet_length(b.stderr)) > p.max_output_bytes
  limit 1;
  if found then
    raise exception 'of jobs of posting % are kept a result of % bytes and % bytes of output',
      v.posting_id, coalesce(v.max_result_bytes::text, 'any number of'),
      coalesce(v.max_output_bytes::text, 'any number of')
      using errcode = 'program_limit_exceeded';
  end if;
end $$;

-- Refuses outcomes of jobs that the caller's pools may not run, unless this pool has leased them
-- before: recording locks their postings before it looks whose they are.
create function pdoflow.require_runnable(p_pool bigint, p_postings bigint[])
returns void language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  if pdoflow.runs_all() then return; end if;
  if exists (
    select from pdoflow.posting p
    where p.id = any (p_postings) and p.route_id <> all (pdoflow.run_routes())
      and not exists (select from pdoflow.lease l
                      where l.pool_id = p_pool and l.active and p.id = any (l.posting_ids))) then
    raise insufficient_privilege using message =
      format('pool %s may not run jobs of all these postings', p_pool);
  end if;
end $$;

create function pdoflow.pool_record(
  p_pool bigint, p_count integer, p_leases bigint[], p_postings bigint[], p_seqs integer[],
  p_attempts integer[], p_states pdoflow.outcome_state[], p_ages_us bigint[],
  p_durations_us bigint[], p_pids integer[], p_results text[], p_errors text[],
  p_delays_ms bigint[], p_let_go bigint[], p_stdouts text[], p_stderrs text[],
  p_waited_us bigint
) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  perform pdoflow.require_runnable(p_pool, p_postings);
  perform pdoflow.require_kept(p_count, p_postings, p_results, p_errors, p_stdouts, p_stderrs);
  return pdoflow.record(p_pool, p_count, p_leases, p_postings, p_seqs, p_attempts, p_states,
                        p_ages_us, p_durations_us, p_pids, p_results, p_errors, p_delays_ms,
                        p_let_go, p_stdouts, p_stderrs, p_waited_us);
end $$;

-- What is kept must be of these leases: else a pool could lease itself what it likes (L1).
create function pdoflow.pool_release(
  p_pool bigint, p_leases bigint[], p_keep_leases bigint[], p_keep_postings bigint[],
  p_keep_firsts integer[], p_keep_ends integer[], p_keep_attempts integer[]
) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
begin
  perform pdoflow.require_pool(p_pool);
  if exists (
    with kept as (
      select * from unnest(p_keep_leases, p_keep_postings, p_keep_firsts, p_keep_ends,
                           p_keep_attempts)
        as k (lease_id, posting_id, first_seq, end_seq, attempt))
    select from kept k
    where not coalesce(k.first_seq < k.end_seq, false)
      or k.end_seq - k.first_seq is distinct from (
      select sum(least(r.end_seq, k.end_seq) - greatest(r.first_seq, k.first_seq))
      from pdoflow.lease l cross join lateral
        unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
          as r (posting_id, first_seq, end_seq, attempt)
      where l.id = k.lease_id and l.pool_id = p_pool and r.posting_id = k.posting_id
        and r.attempt = k.attempt and r.first_seq < k.end_seq and k.first_seq < r.end_seq))
  then
    raise exception 'what pool % keeps is not of its leases', p_pool
      using errcode = 'insufficient_privilege';
  end if;
  return pdoflow.release(p_pool, p_leases, p_keep_leases, p_keep_postings, p_keep_firsts,
                           p_keep_ends, p_keep_attempts, 0);
end $$;

-- Gives back the leases that the database has for a pool and that the pool knows nothing of.
create function pdoflow.pool_release_unknown(p_pool bigint, p_known bigint[])
returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
begin
  perform pdoflow.require_pool(p_pool);
  return pdoflow.release(
    p_pool,
    array(select id from pdoflow.lease
          where pool_id = p_pool and active and id <> all (p_known)),
    '{}', '{}', '{}', '{}', '{}', 0);
end $$;

-- The routes whose postings the caller keeps in order; null for all. What this does is true of a
-- posting whoever says so, but it locks: a pool of one poster's is not to hold up those of others.
create function pdoflow.upkeep_routes() returns integer[] language sql stable as
$$ select case when not pdoflow.runs_all() then pdoflow.run_routes() end $$;

-- Ends those of the postings whose jobs have all ended.
create function pdoflow.pool_finish(p_postings bigint[]) returns setof bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin
  return query select * from pdoflow.finish(case when pdoflow.runs_all() then p_postings else
    array(select id from pdoflow.posting
          where id = any (p_postings) and route_id = any (pdoflow.run_routes())) end);
end $$;

create function pdoflow.pool_fold() returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as
$$ begin perform pdoflow.fold(pdoflow.upkeep_routes()); end $$;

-- Opens the next span well before it is needed. Only for who runs everybody's jobs: it locks.
create function pdoflow.pool_keep_room() returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if pdoflow.runs_all() and pdoflow.room() < 10000
     and pg_try_advisory_xact_lock(pdoflow.span_lock(0)) then
    perform pdoflow.open_span();
  end if;
end $$;

-- Ends postings that a pool which died between its last outcome and pool_finish left open.
create function pdoflow.pool_finish_stragglers() returns setof bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query select * from pdoflow.finish(array(
    select p.id from pdoflow.posting p join (
      select posting_id, sum(done + failed + cancelled) as ended
      from pdoflow.progress group by posting_id) g on g.posting_id = p.id
    where g.ended = p.job_count
      and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes())) limit 1000));
end $$;

create function pdoflow.pool_rescue() returns table (pool_id bigint, host text, jobs integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as
$$ begin return query select * from pdoflow.rescue(pdoflow.upkeep_routes()); end $$;

-- Stops a posting whose jobs only fail. Only one that the caller's pools may run.
create function pdoflow.pool_stop_posting(p_postings bigint[], p_reason text)
returns bigint[] language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  return pdoflow.pause_postings(array(
    select id from pdoflow.posting
    where id = any (p_postings)
      and (pdoflow.runs_all() or route_id = any (pdoflow.run_routes()))),
    'errored_out', p_reason);
end $$;
