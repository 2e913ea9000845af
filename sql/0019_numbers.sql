-- What the dashboard shows and nothing else keeps: written once a batch that has failures, or once
-- a heartbeat, never for each job (rule 3).

alter table pdoflow.pool
  add busy integer,
  add recent integer[],
  add constraint w_recent_short check (cardinality(recent) <= 60);
comment on column pdoflow.pool.busy is
'How many of its workers had a job in hand at the last beat; null before it was told.';
comment on column pdoflow.pool.recent is
'How many attempts ended in each of the 60 seconds before the last beat, the oldest first.';

create table pdoflow.tally (
  pool_id bigint not null,
  minute timestamptz not null,
  done integer not null,
  failed integer not null,
  retried integer not null,
  durations integer[] not null,
  waits integer[] not null,
  primary key (minute, pool_id),
  constraint w_short check (cardinality(durations) <= 100 and cardinality(waits) <= 101)
);
comment on table pdoflow.tally is
'One row: what a pool says that it did in one minute, for people: what it did after its last beat is
missing when it is killed. Those that are older than two hours are deleted by whoever tells.
  D1  done, failed and retried count attempts by their outcome, in the minute of the beat that told
      of them.
  D2  durations counts attempts by how long they took: under the first limit, from that to the
      second, and so on (durationLimits in src/db/dashboard/histogram.ts). waits does so for the
        time from
      posting to the start of the first attempt, of a sample.';

create table pdoflow.failure (
  posting_id bigint not null,
  fingerprint text not null,
  jobs integer not null,
  first_at timestamptz,
  last_at timestamptz,
  seq integer,
  name text,
  message text,
  constraint w_short check (
    length(fingerprint) <= 8 and length(name) <= 200 and length(message) <= 200)
);
comment on table pdoflow.failure is
'One row: what one transaction added to the failed jobs of a posting that look the same, with one of
them as the example. Appended; folded up by who appends to many.
  F1  The sum of jobs over a posting is the number of its failed jobs (G1, P2). Over a fingerprint
      it is how many of them have it.';
-- Serves: groups of failures, and folding them.
create index failure_posting on pdoflow.failure (posting_id, fingerprint);

-- What came of jobs is seen by those whose they are; how much is done, by who sees all.
alter table pdoflow.failure enable row level security;
create policy seen on pdoflow.failure for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
alter table pdoflow.tally enable row level security;
create policy seen on pdoflow.tally for select using ((select pdoflow.sees_all()));

-- Adds the failures among these outcomes, but for those at the places in p_skip (F1).
create function pdoflow.note_failures(
  p_postings bigint[], p_seqs integer[], p_states pdoflow.outcome_state[], p_ages_us bigint[],
  p_errors text[], p_skip bigint[]
) returns void language plpgsql set jit = off set enable_seqscan = off set enable_hashjoin = off
set enable_mergejoin = off as $$
#variable_conflict use_column
declare
  v_many record;
begin
  for v_many in
    with noted as (
      insert into pdoflow.failure (posting_id, fingerprint, jobs, first_at, last_at, seq, name,
                                   message)
      select posting_id, fingerprint, count(*), min(at), max(at),
             (array_agg(seq order by at desc, seq))[1],
             (array_agg(left(error ->> 'name', 200) order by at desc, seq))[1],
             (array_agg(left(split_part(error ->> 'message', E'\n', 1), 200)
                        order by at desc, seq))[1]
      from (
        select posting_id, seq, now() - age_us * interval '1 us' as at, error::jsonb as error,
               pdoflow.fingerprint(error::jsonb) as fingerprint
        from unnest(p_postings, p_seqs, p_states, p_ages_us, p_errors) with ordinality
          as b (posting_id, seq, state, age_us, error, place)
        where state = 'failed' and place <> all (p_skip)) f
      group by posting_id, fingerprint
      returning posting_id, fingerprint)
    select posting_id, fingerprint from noted n
    where (select count(*) from (
      select from pdoflow.failure f
      where f.posting_id = n.posting_id and f.fingerprint = n.fingerprint limit 50) few) = 50
  loop
    perform pdoflow.fold_failures(v_many.posting_id, v_many.fingerprint);
  end loop;
end $$;

-- Makes one row of those of one group that nobody else has locked.
create function pdoflow.fold_failures(p_posting bigint, p_fingerprint text) returns void
language sql set jit = off set enable_seqscan = off as $$
  with row as materialized (
    select ctid from pdoflow.failure
    where posting_id = p_posting and fingerprint = p_fingerprint
    for update skip locked),
  gone as (
    delete from pdoflow.failure where ctid = any (array(select ctid from row)) returning *)
  insert into pdoflow.failure (posting_id, fingerprint, jobs, first_at, last_at, seq, name, message)
  select p_posting, p_fingerprint, sum(jobs), min(first_at), max(last_at),
         (array_agg(seq order by last_at desc nulls last))[1],
         (array_agg(name order by last_at desc nulls last))[1],
         (array_agg(message order by last_at desc nulls last))[1]
  from gone having count(*) > 0
$$;

-- Counts failures again, of jobs that were retried by hand and will not be tried: of these ranges
-- those that failed in the attempt before. Returns how many, by posting. A fingerprint takes 50 us,
-- so it is made once for errors that differ in nothing that it depends on.
create function pdoflow.restore_failures(
  p_postings bigint[], p_firsts integer[], p_ends integer[], p_attempts integer[]
) returns table (posting_id bigint, jobs integer) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    with alike as (
      select r.posting_id, r.attempt - 1 as attempt, max(o.seq) as seq, count(*) as jobs,
             min(o.ended_at) as first_at, max(o.ended_at) as last_at
      from unnest(p_postings, p_firsts, p_ends, p_attempts)
          as r (posting_id, first_seq, end_seq, attempt)
        cross join lateral (
          select seq, ended_at, error from pdoflow.outcome
          where posting_id = r.posting_id and seq >= r.first_seq and seq < r.end_seq
            and state = 'failed' and attempt = r.attempt - 1) o
      where r.attempt > 1
      group by r.posting_id, r.attempt, error ->> 'name',
               substr(error ->> 'stack', strpos(error ->> 'stack', E'\n')),
               regexp_replace(error ->> 'message', '[0-9]+', '#', 'g')),
    noted as (
      insert into pdoflow.failure (posting_id, fingerprint, jobs, first_at, last_at, seq, name,
                                   message)
      select a.posting_id, o.fingerprint, sum(a.jobs), min(a.first_at), max(a.last_at),
             (array_agg(a.seq order by a.last_at desc, a.seq))[1],
             (array_agg(o.name order by a.last_at desc, a.seq))[1],
             (array_agg(o.message order by a.last_at desc, a.seq))[1]
      from alike a cross join lateral (
        select pdoflow.fingerprint(error) as fingerprint, left(error ->> 'name', 200) as name,
               left(split_part(error ->> 'message', E'\n', 1), 200) as message
        from pdoflow.outcome
        where posting_id = a.posting_id and seq = a.seq and attempt = a.attempt) o
      group by a.posting_id, o.fingerprint
      returning posting_id, jobs)
    select posting_id, sum(jobs)::integer from noted group by posting_id;
end $$;

-- What a pool tells with its beat, for people.
--   p_recent     attempts that ended in each of the last 60 seconds
--   p_durations  D2, of all attempts since it told before
--   p_postings, p_ages_us   of a sample of first attempts: when they started, that long ago
--   p_limits_ms  the limits of the counts in p_durations
create function pdoflow.pool_report(
  p_pool bigint, p_busy integer, p_recent integer[], p_done integer, p_failed integer,
  p_retried integer, p_durations integer[], p_postings bigint[], p_ages_us bigint[],
  p_limits_ms double precision[]
) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  if greatest(cardinality(p_recent), cardinality(p_durations), cardinality(p_limits_ms)) > 60
     or greatest(cardinality(p_postings), cardinality(p_ages_us)) > 10000 then
    raise exception 'expected the counts of a minute and a sample of starts, found more'
      using errcode = 'PF002';
  end if;
  update pdoflow.pool set busy = p_busy, recent = p_recent
  where id = p_pool and state in ('up', 'draining')
    and (busy, recent) is distinct from (p_busy, p_recent);
  if p_done + p_failed + p_retried > 0 then
    insert into pdoflow.tally as t (pool_id, minute, done, failed, retried, durations, waits)
    select p_pool, date_trunc('minute', now()), p_done, p_failed, p_retried, p_durations, array(
      select count(w.wait_ms)::integer
      from generate_series(0, cardinality(p_limits_ms)) as i (bucket) left join (
        select 1000 * extract(
          epoch from now() - b.age_us * interval '1 us' - p.posted_at) as wait_ms
        from unnest(p_postings, p_ages_us) as b (posting_id, age_us)
          join pdoflow.posting p on p.id = b.posting_id) w
        on width_bucket(w.wait_ms::double precision, p_limits_ms) = i.bucket
      group by i.bucket order by i.bucket)
    on conflict (minute, pool_id) do update
    set done = t.done + excluded.done, failed = t.failed + excluded.failed,
        retried = t.retried + excluded.retried,
        durations = array(select a + b from unnest(t.durations, excluded.durations)
                            with ordinality as u (a, b, place) order by place),
        waits = array(select a + b from unnest(t.waits, excluded.waits)
                        with ordinality as u (a, b, place) order by place);
  end if;
  delete from pdoflow.tally where minute < now() - interval '2 hours';
end $$;

select pdoflow.apply_grants();
