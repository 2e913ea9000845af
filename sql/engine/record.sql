-- Plans are made while tables are empty, and kept. Two things make sure that leases are always
-- found by id: "set enable_seqscan = off", and "case when active then pool_id end". The index of
-- active leases cannot serve that expression; it fills with dead entries while an old snapshot is
-- open. Without merge and hash joins, a batch looks up its rows one by one. Otherwise the planner
-- prefers to read a table of a few thousand rows whole, and keeps that plan as the table grows. Up
-- to PostgreSQL 17 a disabled step adds 10,000,000,000 to the estimated cost of a plan, and the
-- server would compile the plan in each call (200 ms): hence "set jit = off".

-- A batch of ended attempts, in runs (U1 to U7); each array has an element for each run.
--   states     'retried' if another attempt follows
--   ages_us    how long ago the first of the run ended, by the clock of the pool: no clock of a
--              client enters the database
--   offsets, durations, pids, delays   lists such as '{1,2,3}' with a number for each job: how many
--              ms later it ended, for how many us it ran, by which worker (or one number for all
--              jobs), and in how many ms the next attempt starts (null if none follows)
--   complete   leases that end with these outcomes
--   waited_us  how long ago ages_us was measured
--   usages     lists as U8 has them, or null
create type pdoflow.outcome_batch as (
  leases bigint[], postings bigint[], firsts integer[], ends integer[], attempts integer[],
  states pdoflow.outcome_state[], ages_us bigint[], offsets text[], durations text[], pids text[],
  delays text[], results text[], errors text[], stdouts text[], stderrs text[], complete bigint[],
  waited_us bigint, usages text[]);

-- The same batch without texts. A call of a function in PL/pgSQL copies a batch, which may have
-- megabytes of results and output. The planner inlines this one.
create function pdoflow.without_texts(p_batch pdoflow.outcome_batch)
returns pdoflow.outcome_batch language sql immutable as $$
  select row(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts,
             p_batch.states, p_batch.ages_us, p_batch.offsets, p_batch.durations, p_batch.pids,
             p_batch.delays, null, null, null, null, p_batch.complete, p_batch.waited_us,
             p_batch.usages)::pdoflow.outcome_batch
$$;

-- The outcomes in a batch of one posting, by state; null means 0.
create type pdoflow.outcome_sum as
  (posting_id bigint, jobs integer, done integer, failed integer, retried integer);

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

-- The positions of the runs that are not within the ranges of these leases (L2), or overlap with an
-- outcome (U1): the last run that begins before the end of another one is the only one that can.
create function pdoflow.refused_positions(p_active bigint[], p_batch pdoflow.outcome_batch)
returns bigint[] language plpgsql stable
set jit = off set enable_nestloop = off set enable_hashjoin = on as $$
begin
  return array(
    select b.position
    from unnest(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts)
           with ordinality as b (lease_id, posting_id, first_seq, end_seq, attempt, position)
      left join (
        select l.id, r.* from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
        where l.id = any (p_active)) r
        on r.id = b.lease_id and r.posting_id = b.posting_id and r.attempt = b.attempt
          and r.first_seq <= b.first_seq and b.end_seq <= r.end_seq
    where r.id is null or (
      select o.end_seq from pdoflow.outcome_run o
      where o.posting_id = b.posting_id and o.attempt = b.attempt and o.first_seq < b.end_seq
      order by o.first_seq desc limit 1) > b.first_seq);
end $$;

-- Those of these positions whose runs are not within several adjacent ranges of their lease either:
-- retries that follow each other are ranges of their own, and their outcomes one run. Apart from
-- refused_positions, which nearly always returns none.
create function pdoflow.refused_again(
  p_active bigint[], p_batch pdoflow.outcome_batch, p_positions bigint[]
) returns bigint[] language plpgsql stable set jit = off as $$
begin
  return array(
    select b.position
    from unnest(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts)
           with ordinality as b (lease_id, posting_id, first_seq, end_seq, attempt, position)
    where b.position = any (p_positions) and (
      (b.first_seq < b.end_seq) is not false and not coalesce((
        select int4range(b.first_seq, case when b.end_seq < b.first_seq then b.first_seq
                                           else b.end_seq end)
               <@ range_agg(int4range(x.first_seq, x.end_seq))
        from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as x
        where l.id = b.lease_id and l.id = any (p_active) and x.posting_id = b.posting_id
          and x.attempt = b.attempt), false)
      or (
        select o.end_seq from pdoflow.outcome_run o
        where o.posting_id = b.posting_id and o.attempt = b.attempt and o.first_seq < b.end_seq
        order by o.first_seq desc limit 1) > b.first_seq));
end $$;

-- Raises an error for a batch with runs that overlap, except for the positions in p_skip.
create function pdoflow.require_disjoint(p_batch pdoflow.outcome_batch, p_skip bigint[])
returns void
language plpgsql immutable as $$
begin
  if exists (
    select from (
      select first_seq, lag(end_seq) over (
               partition by posting_id, attempt order by first_seq) as end_before
      from unnest(p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts)
        with ordinality as b (posting_id, first_seq, end_seq, attempt, position)
      where position <> all (p_skip)) b
    where first_seq < end_before) then
    raise unique_violation using message =
      'expected each attempt at a job once in a batch, found one twice';
  end if;
end $$;

-- A group of the usage (U8) of a run of p_jobs, with a number for each job: its share of a sum.
create function pdoflow.usage_group(p_usage real[], p_jobs integer, p_group integer)
returns real[] language sql immutable as $$
  select case
    when cardinality(p_usage) > 5 then p_usage[(p_group - 1) * p_jobs + 1:p_group * p_jobs]
    when p_usage is not null then
      array_fill(p_usage[p_group] / case p_group when 3 then 1 else p_jobs end, array[p_jobs]) end
$$;

-- The same batch with a run for each job.
create function pdoflow.in_single_jobs(p_batch pdoflow.outcome_batch)
returns pdoflow.outcome_batch language plpgsql immutable as $$
begin
  select array_agg(b.lease_id), array_agg(b.posting_id), array_agg(b.first_seq + n),
         array_agg(b.first_seq + n + 1), array_agg(b.attempt), array_agg(b.state),
         array_agg(b.age_us - 1000 * o.offset_ms), array_agg('{0}'::text),
         array_agg(array[o.duration_us]::text),
         array_agg(array[coalesce(o.pid, (b.pids::integer[])[1])]::text),
         array_agg(case when b.delays is not null then array[o.delay_ms]::text end),
         array_agg(nullif(o.result, '')), array_agg(nullif(o.error, '')),
         array_agg(nullif(o.stdout, '')), array_agg(nullif(o.stderr, '')),
         array_agg(case when b.usages is not null then
           array[o.user_us, o.system_us, o.peak_bytes, o.read_bytes, o.written_bytes]::text end)
  into p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts,
       p_batch.states, p_batch.ages_us, p_batch.offsets, p_batch.durations, p_batch.pids,
       p_batch.delays, p_batch.results, p_batch.errors, p_batch.stdouts, p_batch.stderrs,
       p_batch.usages
  from unnest(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts,
              p_batch.states, p_batch.ages_us, p_batch.offsets, p_batch.durations, p_batch.pids,
              p_batch.delays, p_batch.results, p_batch.errors, p_batch.stdouts, p_batch.stderrs,
              p_batch.usages)
      as b (lease_id, posting_id, first_seq, end_seq, attempt, state, age_us, offsets, durations,
            pids, delays, results, errors, stdouts, stderrs, usages)
    cross join lateral rows from (
        generate_series(0, b.end_seq - b.first_seq - 1), unnest(b.offsets::bigint[]),
        unnest(b.durations::bigint[]), unnest(b.pids::integer[]), unnest(b.delays::bigint[]),
        string_to_table(b.results, e'\n'), string_to_table(b.errors, e'\n'),
        string_to_table(b.stdouts, e'\n'), string_to_table(b.stderrs, e'\n'),
        unnest(pdoflow.usage_group(b.usages::real[], b.end_seq - b.first_seq, 1)),
        unnest(pdoflow.usage_group(b.usages::real[], b.end_seq - b.first_seq, 2)),
        unnest(pdoflow.usage_group(b.usages::real[], b.end_seq - b.first_seq, 3)),
        unnest(pdoflow.usage_group(b.usages::real[], b.end_seq - b.first_seq, 4)),
        unnest(pdoflow.usage_group(b.usages::real[], b.end_seq - b.first_seq, 5)))
      as o (n, offset_ms, duration_us, pid, delay_ms, result, error, stdout, stderr, user_us,
            system_us, peak_bytes, read_bytes, written_bytes);
  return p_batch;
end $$;

-- Returns lines of a run unchanged if jsonb accepts each, and if there is one for each job (U7).
-- json takes an eighth of the time of jsonb, which refuses no other texts than some that have
-- characters by number, large exponents, or thousands of digits or levels. Of a job alone, output
-- may be longer than 65,536 characters, but has at most 256 KiB. record sets plan_cache_mode:
-- otherwise the texts would be part of a new plan for each call.
create function pdoflow.sound_lines(p_lines text, p_jobs integer, p_are_strings boolean)
returns text language plpgsql immutable strict as $$
declare
  v_are_plain boolean := case when p_are_strings then p_lines not like e'%\\\\u%'
                              else p_lines !~ e'\\\\u|[eE][+-]?[0-9]{4}' end;
  v_lines integer;
  v_are_sound boolean;
begin
  select count(*), bool_and(case when line = '' then true
                                 when v_are_plain and case when p_are_strings
                                                           then left(line, 1) = '"'
                                                           else octet_length(line) < 2000 end
                                 then line::json is not null
                                 when p_are_strings then jsonb_typeof(line::jsonb) = 'string'
                                 else line::jsonb is not null end)
  into v_lines, v_are_sound
  -- In the select list, not in "from", which would first copy each line into a table.
  from (select unnest(string_to_array(p_lines, e'\n')) as line) l;
  if v_lines <> p_jobs or not v_are_sound then
    raise exception 'expected a line for each of % jobs, found % lines or one that is not a text',
      p_jobs, v_lines using errcode = 'invalid_text_representation';
  end if;
  if p_are_strings and p_jobs = 1 and octet_length(p_lines) > 262144
     and octet_length(p_lines::json #>> '{}') > 262144 then
    raise exception 'expected at most 256 KiB of output, found more'
      using errcode = 'program_limit_exceeded';
  end if;
  return p_lines;
end $$;

-- Writes the runs of a batch, except for the positions in p_skip. Retries of cancelled postings are
-- cancelled.
create function pdoflow.insert_runs(
  p_batch pdoflow.outcome_batch, p_skip bigint[], p_cancelled bigint[]
) returns void language plpgsql as $$
declare
  v_from double precision := extract(epoch from now()) - p_batch.waited_us / 1e6;
  -- Variables, of which a subscript finds an element at once, and not columns of unnest, which
  -- would write megabytes of texts to a temporary file.
  v_results text[] := p_batch.results;
  v_errors text[] := p_batch.errors;
  v_stdouts text[] := p_batch.stdouts;
  v_stderrs text[] := p_batch.stderrs;
begin
  insert into pdoflow.outcome_run (posting_id, attempt, first_seq, end_seq, lease_id, state,
                                   ended_at, offsets_ms, durations_us, worker_pids, results,
                                   errors, stdouts, stderrs, usage)
  select b.posting_id, b.attempt, b.first_seq, b.end_seq, b.lease_id,
         case when b.state = 'retried' and b.posting_id = any (p_cancelled) then 'cancelled'
              else b.state end,
         to_timestamp(v_from - b.age_us / 1e6::double precision), b.offsets::integer[],
         b.durations::bigint[], b.pids::integer[],
         pdoflow.sound_lines(v_results[b.position], b.end_seq - b.first_seq, false),
         pdoflow.sound_lines(v_errors[b.position], b.end_seq - b.first_seq, false),
         pdoflow.sound_lines(v_stdouts[b.position], b.end_seq - b.first_seq, true),
         pdoflow.sound_lines(v_stderrs[b.position], b.end_seq - b.first_seq, true),
         b.usages::real[]
  from unnest(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts,
              p_batch.states, p_batch.ages_us, p_batch.offsets, p_batch.durations, p_batch.pids,
              p_batch.usages)
      with ordinality
      as b (lease_id, posting_id, first_seq, end_seq, attempt, state, age_us, offsets, durations,
            pids, usages, position)
  where b.position <> all (p_skip);
end $$;

-- Locks, in one order, the postings that get retries, which pausing and cancelling then see (Y2),
-- and the postings that may end with the same batch. Returns the cancelled ones with retries.
create function pdoflow.lock_retried(p_sums pdoflow.outcome_sum[]) returns bigint[]
language plpgsql set jit = off set enable_seqscan = off set enable_mergejoin = off
set enable_hashjoin = off as $$
begin
  perform from pdoflow.posting where id = any (array(
    select s.posting_id from unnest(p_sums) s join pdoflow.posting p on p.id = s.posting_id
    where s.retried > 0 or p.job_count <= s.jobs))
  order by id for no key update;
  -- A separate statement after the locks.
  return array(
    select p.id from unnest(p_sums) s
      cross join lateral (
        select id, state from pdoflow.posting where id = s.posting_id offset 0) p
    where s.retried > 0 and p.state = 'cancelled');
end $$;

-- Puts jobs of a batch that get another attempt back into the queue.
create function pdoflow.insert_retries(
  p_batch pdoflow.outcome_batch, p_skip bigint[], p_cancelled bigint[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
  insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
  select b.posting_id, pdoflow.effective_priority(b.posting_id, b.first_seq), p.route_id, d.seq,
         d.seq + 1, b.attempt + 1,
         case p.state when 'open' then now() + coalesce(d.delay_ms, 0) * interval '1 ms'
                      else 'infinity' end
  from unnest(p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts, p_batch.states,
              p_batch.delays) with ordinality
      as b (posting_id, first_seq, end_seq, attempt, state, delays, position)
    join pdoflow.posting p on p.id = b.posting_id
    cross join lateral rows from (
      generate_series(b.first_seq, b.end_seq - 1), unnest(b.delays::bigint[])) as d (seq, delay_ms)
  where b.state = 'retried' and b.posting_id <> all (p_cancelled) and b.position <> all (p_skip)
    and d.seq is not null
  order by b.position, d.seq;
end $$;

-- Adds the recorded outcomes to the totals. A posting whose jobs all end in one batch needs no
-- progress row, which makes small postings cheap. p_sums is in the order of the postings, so that
-- their rows are locked in that order.
create function pdoflow.add_progress(p_sums pdoflow.outcome_sum[], p_cancelled bigint[])
returns void language plpgsql set jit = off set enable_seqscan = off set enable_mergejoin = off
set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_whole bigint[];
begin
  with whole as (
    update pdoflow.posting p
    set done = coalesce(s.done, 0), failed = coalesce(s.failed, 0),
        cancelled = s.jobs - coalesce(s.done, 0) - coalesce(s.failed, 0), ended_at = now(),
        state = case p.state when 'cancelled' then p.state else 'finished' end
    from unnest(p_sums) s
    -- In a case, so that postings are looked up by id, in the order of p_sums: not by the index of
    -- all postings that have not ended.
    where p.id = s.posting_id and case when p.ended_at is null then p.job_count end
      = s.jobs - case when s.posting_id = any (p_cancelled) then 0 else coalesce(s.retried, 0) end
    returning p.id)
  select array_agg(id) into v_whole from whole;
  if v_whole is not null then
    -- Rows of jobs that were released and claimed again; they add up to zero (G2).
    delete from pdoflow.progress where posting_id = any (v_whole);
    perform pdoflow.notify_ended(v_whole);
    perform pdoflow.notify_downstream(v_whole);
    if cardinality(v_whole) = cardinality(p_sums) then return; end if;
  end if;
  insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying)
  select posting_id, done, failed, jobs - done - failed - retried, retried
  from (
    select posting_id, coalesce(done, 0) as done, coalesce(failed, 0) as failed, jobs,
           case when posting_id = any (p_cancelled) then 0 else coalesce(retried, 0) end as retried
    from unnest(p_sums)) s
  where v_whole is null or posting_id <> all (v_whole);
end $$;

-- Counts the jobs of the runs of a batch at these positions that were not recorded by the same
-- lease before, and adds them to the pool (O4).
create function pdoflow.count_refused(
  p_pool bigint, p_batch pdoflow.outcome_batch, p_positions bigint[]
) returns integer language plpgsql as $$
#variable_conflict use_column
declare
  v_refused integer;
begin
  select coalesce(sum(b.end_seq - b.first_seq), 0) into v_refused
  from unnest(p_batch.leases, p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.attempts)
    with ordinality as b (lease_id, posting_id, first_seq, end_seq, attempt, position)
  where b.position = any (p_positions) and not exists (
    select from (
      select o.lease_id, o.end_seq from pdoflow.outcome_run o
      where o.posting_id = b.posting_id and o.attempt = b.attempt and o.first_seq <= b.first_seq
      order by o.first_seq desc limit 1) o
    where o.lease_id = b.lease_id and o.end_seq >= b.end_seq);
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
-- p_children has the drafts of these attempts (C1); nearly always there are none.
create function pdoflow.record(
  p_pool bigint, p_batch pdoflow.outcome_batch, p_children bigint[] default '{}'
) returns integer language plpgsql
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  v_runs pdoflow.outcome_batch := pdoflow.without_texts(p_batch);
  v_active bigint[];
  v_skip bigint[]; -- positions of runs that are not written
  v_sums pdoflow.outcome_sum[];
  v_cancelled bigint[] := '{}';
  v_fed pdoflow.edge[];
begin
  v_active := pdoflow.lock_leases(
    p_pool, array(select distinct unnest(p_batch.leases || p_batch.complete)));
  -- Separate statements after the locks. No other transaction writes outcomes of these leases now.
  v_skip := pdoflow.refused_positions(v_active, v_runs);
  if cardinality(v_skip) > 0 then
    v_skip := pdoflow.refused_again(v_active, v_runs, v_skip);
  end if;
  if cardinality(v_skip) > 0 then
    p_batch := pdoflow.in_single_jobs(p_batch);
    v_runs := pdoflow.without_texts(p_batch);
    v_skip := pdoflow.refused_positions(v_active, v_runs);
  end if;
  if cardinality(p_batch.firsts) > 1 then
    perform pdoflow.require_disjoint(v_runs, v_skip);
  end if;
  v_sums := array(
    select (b.posting_id, sum(b.jobs), sum(b.jobs) filter (where b.state = 'done'),
            sum(b.jobs) filter (where b.state = 'failed'),
            sum(b.jobs) filter (where b.state = 'retried'))::pdoflow.outcome_sum
    from (select posting_id, end_seq - first_seq as jobs, state
          from unnest(p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.states)
            with ordinality as u (posting_id, first_seq, end_seq, state, position)
          where position <> all (v_skip)) b
    group by b.posting_id order by b.posting_id);
  v_fed := pdoflow.lock_fed(v_sums);
  if 'retried' = any (p_batch.states) then
    v_cancelled := pdoflow.lock_retried(v_sums);
  end if;
  perform pdoflow.insert_runs(p_batch, v_skip, v_cancelled);
  if 'retried' = any (p_batch.states) then
    perform pdoflow.insert_retries(v_runs, v_skip, v_cancelled);
  end if;
  perform pdoflow.add_progress(v_sums, v_cancelled);
  if cardinality(v_fed) > 0 then
    perform pdoflow.release_elements(v_fed, v_runs, v_skip);
  end if;
  if 'failed' = any (p_batch.states) then
    perform pdoflow.note_failures(p_batch, v_skip);
  end if;
  if cardinality(p_batch.complete) > 0 then
    perform pdoflow.end_leases(v_active, v_runs, v_skip);
  end if;
  if cardinality(p_children) > 0 then
    perform pdoflow.decide_drafts(p_children);
  end if;
  return case when cardinality(v_skip) > 0
              then pdoflow.count_refused(p_pool, v_runs, v_skip) else 0 end;
end $$;
