-- Functions with which pools report data for display: metrics, live output and profiles.

-- Adds the report of a pool. Returns how long the jobs of its sample had waited when they started:
-- counts as in p_durations, and the sum in ms. They wait from their posting, its start (P8) and the
-- last edge that it met, whichever is latest. Jobs that follow others element by element (E1) do
-- not count: when each of them could start is not stored. Its commit does not wait for the disk.
--   p_now        {"busy": 2, "free": {"cpus": 3}}: pool.busy and pool.free
--   p_recent     the number of attempts that ended in each of the last 60 seconds
--   p_ended      {"done": 3, "failed": 1, "retried": 0}: attempts since the last report
--   p_durations  C2, of all attempts since the last report
--   p_postings, p_ages_us   a sample of first attempts: their postings, and how long ago they
--                           started
--   p_limits_ms  the limits of the counts in p_durations
create function pdoflow.pool_report(
  p_pool bigint, p_now jsonb, p_recent integer[], p_ended jsonb, p_durations integer[],
  p_postings bigint[], p_ages_us bigint[], p_limits_ms double precision[],
  out waits integer[], out waits_ms double precision
) language plpgsql
security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_busy integer := p_now ->> 'busy';
  v_done integer := p_ended ->> 'done';
  v_failed integer := p_ended ->> 'failed';
  v_retried integer := p_ended ->> 'retried';
begin
  perform pdoflow.require_pool(p_pool);
  perform set_config('synchronous_commit', 'off', true);
  if greatest(cardinality(p_recent), cardinality(p_durations), cardinality(p_limits_ms)) > 60
     or greatest(cardinality(p_postings), cardinality(p_ages_us)) > 10000 then
    raise exception 'expected the counts of a minute and a sample of starts, found more'
      using errcode = 'PF002';
  end if;
  update pdoflow.pool set busy = v_busy, free = p_now -> 'free', recent = p_recent
  where id = p_pool and state in ('up', 'draining')
    and (busy, free, recent) is distinct from (v_busy, p_now -> 'free', p_recent);
  if v_done + v_failed + v_retried > 0 then
    select array_agg(i.jobs order by i.bucket), sum(i.ms) into waits, waits_ms
    from (
      select b.bucket, count(w.ms)::integer as jobs, coalesce(sum(w.ms), 0) as ms
      from generate_series(0, cardinality(p_limits_ms)) as b (bucket) left join (
        select greatest(1000 * extract(epoch from now() - s.age_us * interval '1 us' - r.at), 0)
                 ::double precision as ms
        from unnest(p_postings, p_ages_us) as s (posting_id, age_us)
          join pdoflow.posting p on p.id = s.posting_id
          cross join lateral (
            select greatest(p.posted_at, p.started_at, max(e.met_at)) as at
            from pdoflow.edge e where e.posting_id = p.id
            having not coalesce(bool_or(e.kind in ('each', 'over')), false)) r) w
        on width_bucket(w.ms, p_limits_ms) = b.bucket
      group by b.bucket) i;
    insert into pdoflow.tally as t (pool_id, minute, done, failed, retried, durations, waits)
    values (p_pool, date_trunc('minute', now()), v_done, v_failed, v_retried, p_durations,
            pool_report.waits)
    on conflict (minute, pool_id) do update
    set done = t.done + excluded.done, failed = t.failed + excluded.failed,
        retried = t.retried + excluded.retried,
        durations = array(select a + b from unnest(t.durations, excluded.durations)
                            with ordinality as u (a, b, position) order by position),
        waits = array(select a + b from unnest(t.waits, excluded.waits)
                        with ordinality as u (a, b, position) order by position);
  end if;
  delete from pdoflow.tally where minute < now() - interval '2 hours';
end $$;

-- Reports the output of the running jobs of a pool; replaces its previous report. In base64,
-- because bytes may be cut within a character.
create function pdoflow.pool_show(
  p_pool bigint, p_postings bigint[], p_seqs integer[], p_attempts integer[],
  p_stdouts text[], p_stdout_ends bigint[], p_stderrs text[], p_stderr_ends bigint[]
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  delete from pdoflow.live_output o
  where o.pool_id = p_pool and not exists (
    select from unnest(p_postings, p_seqs) as b (posting_id, seq)
    where (b.posting_id, b.seq) = (o.posting_id, o.seq));
  insert into pdoflow.live_output (posting_id, seq, pool_id, attempt, stdout, stdout_end, stderr,
                                   stderr_end)
  select b.posting_id, b.seq, p_pool, b.attempt, decode(b.stdout, 'base64'), b.stdout_end,
         decode(b.stderr, 'base64'), b.stderr_end
  from unnest(p_postings, p_seqs, p_attempts, p_stdouts, p_stdout_ends, p_stderrs, p_stderr_ends)
    as b (posting_id, seq, attempt, stdout, stdout_end, stderr, stderr_end)
  -- Only for jobs that it has leased.
  where length(b.stdout) < 100000 and length(b.stderr) < 100000 and exists (
    select from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
    where l.pool_id = p_pool and l.active and r.posting_id = b.posting_id
      and r.attempt = b.attempt and r.first_seq <= b.seq and b.seq < r.end_seq)
  on conflict (posting_id, seq) do update
  set pool_id = excluded.pool_id, attempt = excluded.attempt, reported_at = excluded.reported_at,
      stdout = excluded.stdout, stdout_end = excluded.stdout_end, stderr = excluded.stderr,
      stderr_end = excluded.stderr_end;
end $$;

-- Adds the samples of a pool since its last report.
create function pdoflow.pool_profile(
  p_pool bigint, p_posting bigint, p_jobs integer, p_stacks jsonb
) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  if jsonb_typeof(p_stacks) is distinct from 'object' or octet_length(p_stacks::text) > 8000000
     or p_jobs is null or p_jobs < 0 then
    raise exception 'expected the stacks of a profile' using errcode = 'PF002';
  end if;
  insert into pdoflow.profile as f (posting_id, pool_id, jobs, stacks)
  select p.id, p_pool, p_jobs, p_stacks from pdoflow.posting p
  where p.id = p_posting
    and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()))
  on conflict (posting_id, pool_id) do update
  set jobs = f.jobs + excluded.jobs, reported_at = now(), stacks = (
    select coalesce(jsonb_object_agg(t.stack, t.samples), '{}') from (
      select n.stack, n.samples, sum(octet_length(to_json(n.stack)::text) + 24)
               over (order by n.samples desc, n.stack) as bytes from (
        select s.key as stack, sum(s.value::bigint) as samples from (
          select * from jsonb_each_text(f.stacks)
          union all select * from jsonb_each_text(excluded.stacks)) s
        group by s.key order by 2 desc, 1 limit 2000) n) t
    where t.bytes <= 7000000);
end $$;

-- Adds what attempts used (I1). Of the postings, only the poster and the entry point count.
--   p_numbers  for each posting eight: attempts, wall_ms, measured_ms, cpu_user_ms, cpu_system_ms,
--              peak_bytes, read_bytes, written_bytes
create function pdoflow.pool_usage(
  p_pool bigint, p_postings bigint[], p_numbers double precision[]
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  -- All pools add to the same row: without this, each would wait for the disk of the one before.
  perform set_config('synchronous_commit', 'off', true);
  if cardinality(p_postings) > 10000
     or cardinality(p_numbers) is distinct from 8 * cardinality(p_postings) then
    raise exception 'expected eight numbers for each of at most 10,000 postings'
      using errcode = 'PF002';
  end if;
  insert into pdoflow.usage_hour as u (
    hour, poster, poster_os, entry_point, attempts, wall_ms, measured_ms, cpu_user_ms,
    cpu_system_ms, peak_bytes, read_bytes, written_bytes)
  select date_trunc('hour', now(), 'UTC'), r.poster, r.poster_os, left(p.entry_point, 500),
         sum(n.used[1]), sum(n.used[2]), sum(n.used[3]), sum(n.used[4]), sum(n.used[5]),
         max(n.used[6]), sum(n.used[7]), sum(n.used[8])
  from unnest(p_postings) with ordinality as b (posting_id, position)
    join pdoflow.posting p on p.id = b.posting_id
    join pdoflow.route r on r.id = p.route_id
    cross join lateral (
      -- No number of a pool can make a later sum fail.
      select array(
        select case when x >= 0 and x <= 1e18 then x else 0 end
        from unnest(p_numbers[8 * b.position - 7:8 * b.position]) with ordinality as o (x, i)
        order by i) as used) n
  where pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes())
  group by 1, 2, 3, 4
  order by 1, 2, 3, 4
  on conflict (hour, poster, poster_os, entry_point) do update
  set attempts = u.attempts + excluded.attempts, wall_ms = u.wall_ms + excluded.wall_ms,
      measured_ms = u.measured_ms + excluded.measured_ms,
      cpu_user_ms = u.cpu_user_ms + excluded.cpu_user_ms,
      cpu_system_ms = u.cpu_system_ms + excluded.cpu_system_ms,
      peak_bytes = greatest(u.peak_bytes, excluded.peak_bytes),
      read_bytes = u.read_bytes + excluded.read_bytes,
      written_bytes = u.written_bytes + excluded.written_bytes;
  delete from pdoflow.usage_hour where hour < now() - interval '400 days';
end $$;
