-- Plans are made while tables are empty, and kept. Two things make sure that leases are always
-- found by id: "set enable_seqscan = off", and "case when active then pool_id end". The index of
-- active leases cannot serve that expression; it fills with dead entries while an old snapshot is
-- open. Without merge and hash joins, a batch looks up its rows one by one. Otherwise the planner
-- prefers to read a table of a few thousand rows whole, and keeps that plan as the table grows. Up
-- to PostgreSQL 17 a disabled step adds 10,000,000,000 to the estimated cost of a plan, and the
-- server would compile the plan in each call (200 ms): hence "set jit = off".

-- The outcomes in a batch that have the same posting, lease and attempt: the first and last job,
-- and their numbers.
create type pdoflow.outcome_sum as
  (lease_id bigint, posting_id bigint, attempt integer, first_seq integer, last_seq integer,
   jobs integer, done integer, failed integer, retried integer);

-- Whether all outcomes of these sums belong to jobs that one of these leases has (L2). Returns
-- false if there are more than a few sums, or if their jobs are not adjacent: then
-- refused_positions decides.
create function pdoflow.are_covered(p_active bigint[], p_sums pdoflow.outcome_sum[])
returns boolean language plpgsql stable as $$
begin
  if cardinality(p_sums) > 8 then return false; end if;
  return not exists (
    select from unnest(p_sums) s where not exists (
      select from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
      where l.id = any (p_active) and l.id = s.lease_id and r.posting_id = s.posting_id
        and r.attempt = s.attempt and r.first_seq <= s.first_seq and s.last_seq < r.end_seq));
end $$;

-- Repeats the element of an array of length 1 p_count times. Returns any other array unchanged.
create function pdoflow.repeated(p_array anyarray, p_count integer) returns anyarray
language plpgsql immutable as $$
begin
  if cardinality(p_array) <> 1 then return p_array; end if;
  return array_fill(p_array[1], array[p_count]);
end $$;

-- The positions of the outcomes whose job none of these leases has (L2).
create function pdoflow.refused_positions(
  p_active bigint[], p_leases bigint[], p_postings bigint[], p_seqs integer[], p_attempts integer[]
) returns bigint[] language plpgsql stable
set jit = off set enable_nestloop = off set enable_hashjoin = on as $$
begin
  return array(
    with range as materialized (
      select l.id, r.* from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
      where l.id = any (p_active))
    select b.position
    from unnest(p_leases, p_postings, p_seqs, p_attempts) with ordinality
        as b (lease_id, posting_id, seq, attempt, position)
    where not exists (
      select from range r
      where r.id = b.lease_id and r.posting_id = b.posting_id and r.attempt = b.attempt
        and r.first_seq <= b.seq and b.seq < r.end_seq));
end $$;

-- A batch of ended attempts.
--   count      the number of attempts; each array from leases to pids has one element for each, or
--              a single element that applies to all
--   states     'retried' if another attempt follows, delays_ms later
--   ages_us    how long ago the attempt ended, by the clock of the pool: no clock of a client
--              enters the database
--   ended      leases that end with these outcomes
--   waited_us  how long ago ages_us was measured
create type pdoflow.outcome_batch as (
  count integer, leases bigint[], postings bigint[], seqs integer[], attempts integer[],
  states pdoflow.outcome_state[], ages_us bigint[], durations_us bigint[], pids integer[],
  results text[], errors text[], delays_ms bigint[], ended bigint[],
  stdouts text[], stderrs text[], waited_us bigint);

-- Locks and returns the leases among p_asked that p_pool still has (L2). A rescue waits for these
-- locks, and therefore until outcomes that are recorded under them are visible.
create function pdoflow.lock_leases(p_pool bigint, p_asked bigint[]) returns bigint[]
language plpgsql as $$
begin
  -- If an outcome will be refused, the row of the pool is locked first, as a rescue does.
  if exists (select from unnest(p_asked) as a (id) where not exists (
               select from pdoflow.lease l
               where l.id = a.id and case when l.active then l.pool_id end = p_pool)) then
    perform from pdoflow.pool where id = p_pool for no key update;
  end if;
  return array(select id from pdoflow.lease
               where id = any (p_asked) and case when active then pool_id end = p_pool
               order by id for no key update);
end $$;

-- Sums up a batch, except for the positions in p_skip, so that nothing is looked up for each
-- outcome: nearly always all leases are active and no outcome was written before.
create function pdoflow.sums_of(p_batch pdoflow.outcome_batch, p_skip bigint[], p_is_alike boolean)
returns pdoflow.outcome_sum[] language plpgsql as $$
begin
  -- The usual batch of short jobs: all attempts are alike, so the first and last job suffice.
  if p_is_alike and cardinality(p_skip) = 0 then
    return array(
      select (p_batch.leases[1], p_batch.postings[1], p_batch.attempts[1], min(seq), max(seq),
              count(*), count(*), 0, 0)::pdoflow.outcome_sum
      from unnest(p_batch.seqs) as seq);
  end if;
  return array(
    select (lease_id, posting_id, attempt, min(seq), max(seq), count(*),
            count(*) filter (where state = 'done'), count(*) filter (where state = 'failed'),
            count(*) filter (where state = 'retried'))::pdoflow.outcome_sum
    from (select unnest(p_batch.leases) as lease_id, unnest(p_batch.postings) as posting_id,
                 unnest(p_batch.seqs) as seq, unnest(p_batch.attempts) as attempt,
                 unnest(p_batch.states) as state, generate_series(1, p_batch.count) as position) b
    where position <> all (p_skip)
    group by lease_id, posting_id, attempt);
end $$;

-- Writes the outcomes of a batch, except for the positions in p_skip; returns their number. Retries
-- of cancelled postings are cancelled.
create function pdoflow.insert_outcomes(
  p_batch pdoflow.outcome_batch, p_skip bigint[], p_cancelled bigint[]
) returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_from double precision := extract(epoch from now()) - p_batch.waited_us / 1e6;
  v_written integer;
begin
  insert into pdoflow.outcome (posting_id, lease_id, ended_at, seq, attempt, worker_pid,
                               duration_ms, state, result, error, stdout, stderr)
  select b.posting_id, b.lease_id, to_timestamp(v_from - b.age_us / 1e6::double precision),
         b.seq, b.attempt, b.worker_pid, b.duration_us / 1000.0::real,
         case when b.state = 'retried' and b.posting_id = any (p_cancelled) then 'cancelled'
              else b.state end,
         -- json keeps the order of the keys. But jsonb must accept the value too, for the API.
         case when b.result::jsonb is not null then b.result::json end,
         b.error::jsonb, b.stdout, b.stderr
  -- In the select list, not in "from", which would first copy each array into a table.
  from (select unnest(p_batch.leases) as lease_id, unnest(p_batch.postings) as posting_id,
               unnest(p_batch.seqs) as seq, unnest(p_batch.attempts) as attempt,
               unnest(p_batch.states) as state, unnest(p_batch.ages_us) as age_us,
               unnest(p_batch.durations_us) as duration_us, unnest(p_batch.pids) as worker_pid,
               unnest(p_batch.results) as result, unnest(p_batch.errors) as error,
               unnest(p_batch.stdouts) as stdout, unnest(p_batch.stderrs) as stderr,
               generate_series(1, p_batch.count) as position) b
  where b.position <> all (p_skip);
  get diagnostics v_written = row_count;
  return v_written;
end $$;

-- Puts jobs of a batch that get another attempt back into the queue.
create function pdoflow.insert_retries(
  p_batch pdoflow.outcome_batch, p_skip bigint[], p_cancelled bigint[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
  insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
  select b.posting_id, l.priority, l.route_id, b.seq, b.seq + 1, b.attempt + 1,
         case p.state when 'open' then now() + b.delay_ms * interval '1 ms' else 'infinity' end
  from unnest(p_batch.postings, p_batch.seqs, p_batch.attempts, p_batch.states,
              p_batch.delays_ms) with ordinality
      as b (posting_id, seq, attempt, state, delay_ms, position)
    join pdoflow.posting p on p.id = b.posting_id
    cross join lateral (
      select effective_priority as priority, route_id from pdoflow.lane
      where posting_id = b.posting_id and first_seq <= b.seq and b.seq < end_seq limit 1) l
  where b.state = 'retried' and b.posting_id <> all (p_cancelled) and b.position <> all (p_skip)
  order by b.position;
end $$;

-- Adds the recorded outcomes to the totals. A posting whose jobs all end in one batch needs no
-- progress row, which makes small postings cheap.
create function pdoflow.add_progress(p_sums pdoflow.outcome_sum[], p_cancelled bigint[])
returns void language plpgsql as $$
#variable_conflict use_column
begin
  with total as (
    select posting_id, sum(done) as done, sum(failed) as failed, sum(jobs) as jobs,
           coalesce(sum(retried) filter (where posting_id <> all (p_cancelled)), 0) as retried
    from unnest(p_sums) group by posting_id),
  whole as (
    update pdoflow.posting p
    set done = t.done, failed = t.failed, cancelled = t.jobs - t.done - t.failed, ended_at = now(),
        state = case p.state when 'cancelled' then p.state else 'finished' end
    from total t
    where p.id = t.posting_id and p.job_count = t.jobs - t.retried and p.ended_at is null
    returning p.id, pg_notify('pdoflow.ended', p.id::text)),
  -- Rows of jobs that were released and claimed again; they add up to zero (G2).
  spent as (
    delete from pdoflow.progress where posting_id in (select id from whole))
  insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying)
  select posting_id, done, failed, jobs - done - failed - retried, retried from total
  where posting_id not in (select id from whole);
end $$;

-- Counts the outcomes of a batch that were refused, and adds them to the pool (O4).
create function pdoflow.count_refused(p_pool bigint, p_batch pdoflow.outcome_batch)
returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_refused integer;
begin
  select count(*) into v_refused
  from unnest(p_batch.leases, p_batch.postings, p_batch.seqs, p_batch.attempts)
    as b (lease_id, posting_id, seq, attempt)
  where not exists (select from pdoflow.outcome o
                    where o.posting_id = b.posting_id and o.seq = b.seq
                      and o.attempt = b.attempt and o.lease_id = b.lease_id);
  -- A rescue that has the row at this moment would wait for our leases, and we for it.
  if v_refused > 0 then
    update pdoflow.pool set refused = refused + v_refused
    where id in (select id from pdoflow.pool where id = p_pool for no key update skip locked);
  end if;
  return v_refused;
end $$;

-- Records ended attempts, at most one for each posting, seq and attempt (U1), and only if p_pool
-- still has their lease (L2). Recording the same batch again, because the reply was lost, changes
-- nothing. Returns the number of outcomes that were refused because their lease had already ended.
create function pdoflow.record(p_pool bigint, p_batch pdoflow.outcome_batch)
returns integer language plpgsql
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_active bigint[];
  v_cancelled bigint[];
  v_sums pdoflow.outcome_sum[];
  v_skip bigint[] := '{}'; -- positions in the arrays of outcomes that are not written
  v_is_again boolean := false;
  v_is_alike boolean := cardinality(p_batch.leases) = 1 and cardinality(p_batch.postings) = 1
    and cardinality(p_batch.attempts) = 1 and p_batch.states = '{done}';
  v_written integer;
begin
  p_batch.leases := pdoflow.repeated(p_batch.leases, p_batch.count);
  p_batch.postings := pdoflow.repeated(p_batch.postings, p_batch.count);
  p_batch.seqs := pdoflow.repeated(p_batch.seqs, p_batch.count);
  p_batch.attempts := pdoflow.repeated(p_batch.attempts, p_batch.count);
  p_batch.states := pdoflow.repeated(p_batch.states, p_batch.count);
  p_batch.ages_us := pdoflow.repeated(p_batch.ages_us, p_batch.count);
  p_batch.durations_us := pdoflow.repeated(p_batch.durations_us, p_batch.count);
  p_batch.pids := pdoflow.repeated(p_batch.pids, p_batch.count);
  v_active := pdoflow.lock_leases(
    p_pool, array(select distinct unnest(p_batch.leases || p_batch.ended)));
  loop
    v_sums := pdoflow.sums_of(p_batch, v_skip, v_is_alike);
    -- Locks, in one order, the postings that may end with this batch, and the postings that get
    -- retries, which pausing and cancelling then see (Y2).
    perform from pdoflow.posting where id = any (array(
      select s.posting_id
      from (select posting_id, sum(jobs) as jobs, sum(retried) as retried
            from unnest(v_sums) group by posting_id) s
        join pdoflow.posting p on p.id = s.posting_id
      where s.retried > 0 or p.job_count <= s.jobs))
    order by id for no key update;
    -- The lease must be active, and must still have the job: it may have been released (L2).
    if cardinality(v_skip) = 0 and not pdoflow.are_covered(v_active, v_sums) then
      v_skip := pdoflow.refused_positions(
        v_active, p_batch.leases, p_batch.postings, p_batch.seqs, p_batch.attempts);
      continue when cardinality(v_skip) > 0;
    end if;
    v_cancelled := array(
      select p.id
      from (select distinct posting_id from unnest(v_sums) where retried > 0) s
        cross join lateral (
          select id, state from pdoflow.posting where id = s.posting_id offset 0) p
      where p.state = 'cancelled');
    -- A batch is rarely sent again, and "on conflict do nothing" costs as much as the rows. No
    -- other transaction writes these rows at the same time, because the leases are locked.
    begin
      v_written := pdoflow.insert_outcomes(p_batch, v_skip, v_cancelled);
      exit;
    exception when unique_violation then
      if v_is_again then raise; end if; -- the same job twice in one batch
      v_is_again := true;
      v_skip := v_skip || array(
        select b.position
        from unnest(p_batch.postings, p_batch.seqs, p_batch.attempts) with ordinality
               as b (posting_id, seq, attempt, position)
        where exists (select from pdoflow.outcome o
                      where o.posting_id = b.posting_id and o.seq = b.seq
                        and o.attempt = b.attempt));
    end;
  end loop;
  if exists (select from unnest(v_sums) where retried > 0) then
    perform pdoflow.insert_retries(p_batch, v_skip, v_cancelled);
  end if;
  perform pdoflow.add_progress(v_sums, v_cancelled);
  if exists (select from unnest(v_sums) where failed > 0) then
    perform pdoflow.note_failures(p_batch.postings, p_batch.seqs, p_batch.states, p_batch.ages_us,
                                  p_batch.errors, v_skip);
  end if;
  update pdoflow.lease set active = false where id = any (p_batch.ended) and id = any (v_active);
  return case when v_written < p_batch.count then pdoflow.count_refused(p_pool, p_batch)
              else 0 end;
end $$;
