-- Plans are made while tables are empty, and kept. Two things make sure that leases are always
-- found by id: "set enable_seqscan = off", and "case when active then pool_id end", which the index
-- of active leases cannot serve: it fills with dead entries while an old snapshot is open. Without
-- merge and hash joins a batch looks up its rows one by one. Otherwise the planner prefers to read
-- a table of a few thousand rows whole, and keeps that plan as the table grows. Up to PostgreSQL 17
-- a disabled step adds 10,000,000,000 to the estimated cost of a plan, and the server would compile
-- the plan in each call (200 ms): hence "set jit = off".

-- The outcomes in a batch of one posting, lease and attempt: from which to which job, and how many.
create type pdoflow.outcome_sum as
  (lease_id bigint, posting_id bigint, attempt integer, first_seq integer, last_seq integer,
   jobs integer, done integer, failed integer, retried integer);

-- Whether all outcomes of these sums are of jobs that one of these leases has (L2). False where
-- there are more than a few sums, or their jobs do not lie side by side: then refused_places tells.
create function pdoflow.are_covered(p_held bigint[], p_sums pdoflow.outcome_sum[])
returns boolean language plpgsql stable as $$
begin
  if cardinality(p_sums) > 8 then return false; end if;
  return not exists (
    select from unnest(p_sums) s where not exists (
      select from pdoflow.lease l cross join lateral
        unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
          as r (posting_id, first_seq, end_seq, attempt)
      where l.id = any (p_held) and l.id = s.lease_id and r.posting_id = s.posting_id
        and r.attempt = s.attempt and r.first_seq <= s.first_seq and s.last_seq < r.end_seq));
end $$;

-- An array of one element as one of p_count like it; any other as it is.
create function pdoflow.repeated(p_array anyarray, p_count integer) returns anyarray
language plpgsql immutable as $$
begin
  if cardinality(p_array) <> 1 then return p_array; end if;
  return array_fill(p_array[1], array[p_count]);
end $$;

-- The places in these arrays of outcomes that are not of a job that one of these leases has (L2).
create function pdoflow.refused_places(
  p_held bigint[], p_leases bigint[], p_postings bigint[], p_seqs integer[], p_attempts integer[]
) returns bigint[] language plpgsql stable
set jit = off set enable_nestloop = off set enable_hashjoin = on as $$
begin
  return array(
    with range as materialized (
      select l.id, r.* from pdoflow.lease l cross join lateral
        unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
          as r (posting_id, first_seq, end_seq, attempt)
      where l.id = any (p_held))
    select b.place
    from unnest(p_leases, p_postings, p_seqs, p_attempts) with ordinality
        as b (lease_id, posting_id, seq, attempt, place)
    where not exists (
      select from range r
      where r.id = b.lease_id and r.posting_id = b.posting_id and r.attempt = b.attempt
        and r.first_seq <= b.seq and b.seq < r.end_seq));
end $$;

-- Records ended attempts, at most one for each posting, seq and attempt (U1), only those whose
-- lease p_pool still holds (L2). Sent again after a lost answer it changes nothing.
--   p_count    how many outcomes there are; an array from p_leases to p_pids with one element
--              stands for as many like it
--   p_states   'retried' where another attempt follows, p_delays_ms later
--   p_ages_us  how long ago, by the pool's own clock, the attempt ended: no clock of a client
--              enters the database
--   p_waited_us  how long ago they had these ages
--   p_let_go   leases that are complete with these outcomes
-- Returns how many were refused because their lease had been let go before.
create function pdoflow.record(
  p_pool bigint, p_count integer, p_leases bigint[], p_postings bigint[], p_seqs integer[],
  p_attempts integer[], p_states pdoflow.outcome_state[], p_ages_us bigint[],
  p_durations_us bigint[], p_pids integer[],
  p_results text[], p_errors text[], p_delays_ms bigint[], p_let_go bigint[],
  p_stdouts text[] default null, p_stderrs text[] default null, p_waited_us bigint default 0
) returns integer language plpgsql
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_asked bigint[] := array(select distinct unnest(p_leases || p_let_go));
  v_held bigint[];
  v_cancelled bigint[];
  v_sums pdoflow.outcome_sum[];
  v_skip bigint[] := '{}'; -- places in the arrays of what is not written
  v_is_again boolean := false;
  -- The usual batch of short jobs: adding it up needs no more than the first and the last of them.
  v_is_alike boolean := cardinality(p_leases) = 1 and cardinality(p_postings) = 1
    and cardinality(p_attempts) = 1 and p_states = '{done}';
  v_ages_from double precision := extract(epoch from now()) - p_waited_us / 1e6;
  v_written integer;
  v_refused integer := 0;
begin
  p_leases := pdoflow.repeated(p_leases, p_count);
  p_postings := pdoflow.repeated(p_postings, p_count);
  p_seqs := pdoflow.repeated(p_seqs, p_count);
  p_attempts := pdoflow.repeated(p_attempts, p_count);
  p_states := pdoflow.repeated(p_states, p_count);
  p_ages_us := pdoflow.repeated(p_ages_us, p_count);
  p_durations_us := pdoflow.repeated(p_durations_us, p_count);
  p_pids := pdoflow.repeated(p_pids, p_count);
  -- Where something will be refused, the pool's row is locked first, as a rescue does.
  if exists (select from unnest(v_asked) as a (id) where not exists (
               select from pdoflow.lease l
               where l.id = a.id and case when l.active then l.pool_id end = p_pool)) then
    perform from pdoflow.pool where id = p_pool for no key update;
  end if;
  -- A rescue waits for this lock until these outcomes are there to be seen by it.
  v_held := array(select id from pdoflow.lease
                  where id = any (v_asked) and case when active then pool_id end = p_pool
                  order by id for no key update);

  -- The batch is added up once, here, and nothing is looked up for each of its rows: nearly always
  -- all are of leases that are held, and none was written before.
  loop
    if v_is_alike and cardinality(v_skip) = 0 then
      v_sums := array(
        select (p_leases[1], p_postings[1], p_attempts[1], min(seq), max(seq), count(*), count(*),
                0, 0)::pdoflow.outcome_sum
        from unnest(p_seqs) as seq);
    else
      v_sums := array(
        select (lease_id, posting_id, attempt, min(seq), max(seq), count(*),
                count(*) filter (where state = 'done'), count(*) filter (where state = 'failed'),
                count(*) filter (where state = 'retried'))::pdoflow.outcome_sum
        from (select unnest(p_leases) as lease_id, unnest(p_postings) as posting_id,
                     unnest(p_seqs) as seq, unnest(p_attempts) as attempt,
                     unnest(p_states) as state, generate_series(1, p_count) as place) b
        where place <> all (v_skip)
        group by lease_id, posting_id, attempt);
    end if;

    -- Locked in one order: the postings that may end whole here, and those that get retries, which
    -- pausing and cancelling are then to see (Y2).
    perform from pdoflow.posting where id = any (array(
      select s.posting_id
      from (select posting_id, sum(jobs) as jobs, sum(retried) as retried
            from unnest(v_sums) group by posting_id) s
        join pdoflow.posting p on p.id = s.posting_id
      where s.retried > 0 or p.job_count <= s.jobs))
    order by id for no key update;

    -- Not only of a lease that is held, but of a job that it still has, not released (L2).
    if cardinality(v_skip) = 0 and not pdoflow.are_covered(v_held, v_sums) then
      v_skip := pdoflow.refused_places(v_held, p_leases, p_postings, p_seqs, p_attempts);
      continue when cardinality(v_skip) > 0;
    end if;
    v_cancelled := array(
      select p.id
      from (select distinct posting_id from unnest(v_sums) where retried > 0) s
        cross join lateral (
          select id, state from pdoflow.posting where id = s.posting_id offset 0) p
      where p.state = 'cancelled');

    -- A batch that is sent again is rare, and "on conflict do nothing" costs as much as the rows.
    -- No other writes these rows at the same time: the leases are locked.
    begin
      insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                                   duration_ms, state, result, error, stdout, stderr)
      select b.posting_id, b.lease_id, to_timestamp(v_ages_from - b.age_us / 1e6::double precision),
             b.seq, b.attempt, b.worker_pid, b.duration_us / 1000.0::real,
             case when b.state = 'retried' and b.posting_id = any (v_cancelled) then 'cancelled'
                  else b.state end,
             -- Kept with its keys in their order; but what jsonb refuses, the API could not read.
             case when b.result::jsonb is not null then b.result::json end,
             b.error::jsonb, b.stdout, b.stderr
      -- In the list of a select, not in "from", where each array is first copied into a table.
      from (select unnest(p_leases) as lease_id, unnest(p_postings) as posting_id,
                   unnest(p_seqs) as seq, unnest(p_attempts) as attempt,
                   unnest(p_states) as state, unnest(p_ages_us) as age_us,
                   unnest(p_durations_us) as duration_us, unnest(p_pids) as worker_pid,
                   unnest(p_results) as result, unnest(p_errors) as error,
                   unnest(p_stdouts) as stdout, unnest(p_stderrs) as stderr,
                   generate_series(1, p_count) as place) b
      where b.place <> all (v_skip);
      get diagnostics v_written = row_count;
      exit;
    exception when unique_violation then
      if v_is_again then raise; end if; -- the same job twice in one batch
      v_is_again := true;
      v_skip := v_skip || array(
        select b.place
        from unnest(p_postings, p_seqs, p_attempts) with ordinality
               as b (posting_id, seq, attempt, place)
        where exists (select from pdoflow.outcome o
                      where o.posting_id = b.posting_id and o.seq = b.seq
                        and o.attempt = b.attempt));
    end;
  end loop;

  if exists (select from unnest(v_sums) where retried > 0) then
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select b.posting_id, l.priority, l.route_id, b.seq, b.seq + 1, b.attempt + 1,
           case p.state when 'open' then now() + b.delay_ms * interval '1 ms' else 'infinity' end
    from unnest(p_postings, p_seqs, p_attempts, p_states, p_delays_ms) with ordinality
        as b (posting_id, seq, attempt, state, delay_ms, place)
      join pdoflow.posting p on p.id = b.posting_id
      cross join lateral (
        select effective_priority as priority, route_id from pdoflow.lane
        where posting_id = b.posting_id and first_seq <= b.seq and b.seq < end_seq limit 1) l
    where b.state = 'retried' and b.posting_id <> all (v_cancelled) and b.place <> all (v_skip)
    order by b.place;
  end if;

  with total as (
    select posting_id, sum(done) as done, sum(failed) as failed, sum(jobs) as jobs,
           coalesce(sum(retried) filter (where posting_id <> all (v_cancelled)), 0) as retried
    from unnest(v_sums) group by posting_id),
  -- A posting all of whose jobs end here needs no progress row: small postings are cheap.
  whole as (
    update pdoflow.posting p
    set done = t.done, failed = t.failed, cancelled = t.jobs - t.done - t.failed, ended_at = now(),
        state = case p.state when 'cancelled' then p.state else 'finished' end
    from total t
    where p.id = t.posting_id and p.job_count = t.jobs - t.retried and p.ended_at is null
    returning p.id, pg_notify('pdoflow.ended', p.id::text)),
  -- Rows of jobs that were released and claimed again, which add up to nothing (G2).
  spent as (
    delete from pdoflow.progress where posting_id in (select id from whole))
  insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying)
  select posting_id, done, failed, jobs - done - failed - retried, retried from total
  where posting_id not in (select id from whole);

  if exists (select from unnest(v_sums) where failed > 0) then
    perform pdoflow.note_failures(p_postings, p_seqs, p_states, p_ages_us, p_errors, v_skip);
  end if;

  update pdoflow.lease set active = false where id = any (p_let_go) and id = any (v_held);

  if v_written < p_count then
    select count(*) into v_refused
    from unnest(p_leases, p_postings, p_seqs, p_attempts)
      as b (lease_id, posting_id, seq, attempt)
    where not exists (select from pdoflow.outcome o
                      where o.posting_id = b.posting_id and o.seq = b.seq
                        and o.attempt = b.attempt and o.lease_id = b.lease_id);
    -- A rescue that has the row just now would wait for our leases, and we for it.
    if v_refused > 0 then
      update pdoflow.pool set refused = refused + v_refused
      where id in (select id from pdoflow.pool where id = p_pool for no key update skip locked);
    end if;
  end if;
  return v_refused;
end $$;
