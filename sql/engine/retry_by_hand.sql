-- Retrying permanently failed jobs by hand: another attempt at the same job.

-- The seqs of the jobs with the indexes p_firsts to p_lasts, both included.
create function pdoflow.seqs_of(p_posting bigint, p_firsts integer[], p_lasts integer[])
returns table (seq integer) language sql stable set jit = off set enable_seqscan = off as $$
  select s.seq from unnest(p_firsts, p_lasts) as r (first, last)
    cross join lateral pdoflow.runs_of(p_posting, r.first, least(r.last, 2147483646) + 1) as u
    cross join lateral generate_series(u.first_seq, u.end_seq - 1) as s (seq)
$$;

-- The failed jobs of a posting, by seq. A job that was retried by hand is not among them if it
-- waits, runs or has ended in another way since (U2).
create function pdoflow.failed_jobs(p_posting bigint, p_first integer, p_end integer)
returns table (seq integer, attempt integer, lease_id bigint, ended_at timestamptz, error jsonb)
language sql stable set jit = off set enable_seqscan = off as $$
  with leased as materialized (
    select s.seq, r.attempt
    from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) as r
      cross join lateral generate_series(r.first_seq, r.end_seq - 1) as s (seq)
    where l.active and p_posting = any (l.posting_ids) and r.posting_id = p_posting
      and r.attempt > 1)
  select o.seq, f.attempt, f.lease_id, o.ended_at, o.error
  from pdoflow.outcome_run f cross join lateral pdoflow.each_outcome(f, false, false) o
  where f.posting_id = p_posting and f.state = 'failed' and f.first_seq > p_first - 1000::bigint
    and f.first_seq < p_end and o.seq >= p_first and o.seq < p_end
    and not pdoflow.has_ended(p_posting, o.seq, f.attempt + 1)
    and (o.seq, f.attempt + 1) not in (select seq, attempt from leased)
    and not exists (
      select from (
        select end_seq from pdoflow.retry
        where posting_id = p_posting and first_seq <= o.seq order by first_seq desc limit 1) r
      where o.seq < r.end_seq)
  order by o.seq
$$;

-- Puts permanently failed jobs of a posting back into the queue for another attempt; a finished
-- posting is then open again (P2). Takes all of them, or jobs with an index from p_firsts to
-- p_lasts, or with a fingerprint that begins with p_fingerprint. Returns their number; null if the
-- posting is cancelled or does not exist.
create function pdoflow.retry_failed(
  p_posting bigint, p_firsts integer[], p_lasts integer[], p_fingerprint text
) returns integer language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_posting pdoflow.posting;
  v_seqs integer[];
  v_jobs integer;
begin
  -- Transactions that end, stop or cancel it, or retry the same jobs, wait for this lock, or this
  -- one waits for theirs. So the results of the statements below stay true until the commit.
  select * into v_posting from pdoflow.posting
  where id = p_posting and state <> 'cancelled' for no key update;
  if not found then return null; end if;
  if p_firsts is not null then
    v_seqs := array(select seq from pdoflow.seqs_of(p_posting, p_firsts, p_lasts) order by seq);
    if cardinality(v_seqs) = 0 then return 0; end if;
  end if;

  -- Computing a fingerprint takes 50 us: errors that are equal in its inputs share one.
  with keyed as materialized (
    select f.seq, f.attempt, pdoflow.effective_priority(p_posting, f.seq) as priority, e.name,
           e.stack, e.message,
           md5(jsonb_build_array(e.name, e.stack, e.message)::text) as kind
    from pdoflow.failed_jobs(p_posting, coalesce(v_seqs[1], 0),
                             coalesce(v_seqs[cardinality(v_seqs)] + 1, v_posting.job_count)) f
      cross join lateral (
        select f.error ->> 'name' as name,
               substr(f.error ->> 'stack', strpos(f.error ->> 'stack', E'\n')) as stack,
               regexp_replace(f.error ->> 'message', '[0-9]+', '#', 'g') as message offset 0) e
    where v_seqs is null or f.seq = any (v_seqs)),
  alike as materialized (
    select kind, count(*) as jobs, pdoflow.fingerprint(jsonb_build_object(
             'name', min(name), 'stack', min(stack), 'message', min(message))) as fingerprint
    from keyed group by kind),
  unnoted as (
    insert into pdoflow.failure (posting_id, fingerprint, jobs)
    select p_posting, fingerprint, -sum(jobs) from alike
    where p_fingerprint is null or starts_with(fingerprint, p_fingerprint) group by fingerprint),
  failed as (
    select seq, attempt, priority from keyed
    where p_fingerprint is null or kind in (
      select kind from alike where starts_with(fingerprint, p_fingerprint))),
  placed as (
    select *, seq - row_number() over (partition by priority, attempt order by seq) as island
    from failed),
  back as (
    insert into pdoflow.retry (posting_id, priority, route_id, first_seq, end_seq, attempt, due_at)
    select p_posting, priority, v_posting.route_id, min(seq), max(seq) + 1, attempt + 1,
           case when v_posting.state in ('open', 'finished') then now() else 'infinity' end
    from placed group by priority, attempt, island order by min(seq)
    returning end_seq - first_seq as size)
  select coalesce(sum(size), 0) into v_jobs from back;
  if v_jobs = 0 then return 0; end if;

  perform pdoflow.reopen(v_posting, -v_jobs, 0, v_jobs, 0);
  perform pdoflow.unskip_elements(p_posting);
  perform pdoflow.wake(array[p_posting]);
  return v_jobs;
end $$;
