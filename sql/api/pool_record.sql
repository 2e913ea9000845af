-- Functions that pools call to record outcomes and to release jobs.

-- Raises an error for outcomes above the limits: 64 Mi characters of a result or an error, and the
-- limits of the poster (T4); record checks that output has at most 256 KiB. PDOFlow's pools never
-- send such outcomes: they reduce a longer error to its name and message, up to 8 Ki characters.
create function pdoflow.require_kept(p_batch pdoflow.outcome_batch) returns void
language plpgsql stable as $$
declare
  v record;
begin
  if exists (select from unnest(p_batch.results || p_batch.errors) as kept (text)
             where length(kept.text) > 67108864) then
    raise exception 'expected at most 64 Mi characters of a result or an error, found more'
      using errcode = 'program_limit_exceeded';
  end if;
  select b.posting_id, p.max_result_bytes, p.max_output_bytes into v
  from unnest(p_batch.postings, p_batch.results, p_batch.errors, p_batch.stdouts, p_batch.stderrs)
      as b (posting_id, results, errors, stdouts, stderrs)
    join pdoflow.posting p on p.id = b.posting_id
    cross join lateral rows from (
        string_to_table(b.results, e'\n'), string_to_table(b.errors, e'\n'),
        string_to_table(b.stdouts, e'\n'), string_to_table(b.stderrs, e'\n'))
      as j (result, error, stdout, stderr)
  where octet_length(j.result) > p.max_result_bytes
     or octet_length(j.error) > greatest(p.max_result_bytes, 65536)
     or greatest(octet_length(nullif(j.stdout, '')::json #>> '{}'),
                 octet_length(nullif(j.stderr, '')::json #>> '{}')) > p.max_output_bytes
  limit 1;
  if found then
    raise exception 'posting %: expected results of at most % bytes and output of at most % bytes, '
      'found more', v.posting_id, coalesce(v.max_result_bytes::text, 'any number of'),
      coalesce(v.max_output_bytes::text, 'any number of')
      using errcode = 'program_limit_exceeded';
  end if;
end $$;

-- Raises an error for outcomes of jobs that the pools of the caller cannot run, unless this pool
-- has leased them before: recording locks their postings before it checks the lease.
create function pdoflow.require_runnable(p_pool bigint, p_postings bigint[])
returns void language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  if pdoflow.runs_all() then return; end if;
  if exists (
    select from pdoflow.posting p
    where p.id = any (p_postings) and p.route_id <> all (pdoflow.run_routes())
      and not exists (select from pdoflow.lease l
                      where l.pool_id = p_pool and l.active and p.id = any (l.posting_ids))) then
    raise exception 'this pool cannot run jobs of all these postings'
      using errcode = 'insufficient_privilege';
  end if;
end $$;

create function pdoflow.pool_record(
  p_pool bigint, p_batch pdoflow.outcome_batch, p_children bigint[] default '{}'
) returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off
set plan_cache_mode = force_generic_plan as $$
begin
  perform pdoflow.require_pool(p_pool);
  perform pdoflow.require_runnable(p_pool, p_batch.postings);
  -- The call copies the batch. The sizes of whole arrays are known at once, and nearly always
  -- suffice. A null array has size null.
  if greatest(pg_column_size(p_batch.results), pg_column_size(p_batch.errors)) > 67108864
     or exists (select from pdoflow.posting
                where id = any (p_batch.postings)
                  and (max_result_bytes is not null or max_output_bytes is not null)) then
    perform pdoflow.require_kept(p_batch);
  end if;
  return pdoflow.record(p_pool, p_batch, p_children);
end $$;

-- Writes the draft of a posting for an attempt that this pool runs (C1), and returns its number.
-- p_attempt has its posting, seq, attempt and the number of the post, from 0.
create function pdoflow.pool_draft(
  p_pool bigint, p_lease bigint, p_attempt bigint[], p_entry_point text, p_options jsonb,
  p_text text
) returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp set jit = off set enable_seqscan = off as $$
declare
  v_posting bigint := p_attempt[1];
  v_seq integer := p_attempt[2];
  v_attempt integer := p_attempt[3];
begin
  perform pdoflow.require_pool(p_pool);
  if not exists (
    select from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
    where l.id = p_lease and l.pool_id = p_pool and l.active and r.posting_id = v_posting
      and r.attempt = v_attempt and r.first_seq <= v_seq and v_seq < r.end_seq) then
    raise exception 'this pool has no lease of this job: nothing was posted'
      using errcode = 'PF006';
  end if;
  return pdoflow.draft_child(p_lease, v_posting, v_seq, v_attempt, p_attempt[4]::integer,
                             p_entry_point, p_options, p_text);
end $$;

-- The kept ranges must belong to these leases, or a pool could lease any jobs for itself (L1).
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
      from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
      where l.id = k.lease_id and l.pool_id = p_pool and r.posting_id = k.posting_id
        and r.attempt = k.attempt and r.first_seq < k.end_seq and k.first_seq < r.end_seq))
  then
    raise exception 'a pool can only keep ranges of its leases'
      using errcode = 'insufficient_privilege';
  end if;
  return pdoflow.release(p_pool, p_leases, p_keep_leases, p_keep_postings, p_keep_firsts,
                           p_keep_ends, p_keep_attempts, 0);
end $$;

-- Whether a claim of a pool is under way: the row of the pool is locked until it ends (O1). After
-- its connection was lost, it may still wait for a lock, and lease jobs later. (Also true during a
-- heartbeat.) Call this in a transaction of its own: heartbeats wait for it.
create function pdoflow.pool_is_claiming(p_pool bigint) returns boolean language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pdoflow.require_pool(p_pool);
  perform from pdoflow.pool where id = p_pool for update skip locked;
  return not found;
end $$;

-- Releases the leases that the database has for a pool and that the pool does not know.
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
