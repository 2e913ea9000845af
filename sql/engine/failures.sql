-- Groups of similar failed jobs (F1).

-- Identifies a group of similar failures by eight hexadecimal digits. They depend on the name of
-- the error and on the position at which it was thrown (file and line of the first frame, without
-- folders, which differ between machines). If an error has no stack, they depend on its message
-- without numbers instead.
create function pdoflow.fingerprint(p_error jsonb) returns text language sql immutable as $$
  select left(md5(concat_ws(' ', p_error ->> 'name', coalesce(
    substring(p_error ->> 'stack' from e'\\n\\s+at [^\\n]*?([^/()\\s]+[.][cm]?[jt]sx?:\\d+):\\d+'),
    regexp_replace(p_error ->> 'message', '[0-9]+', '#', 'g')))), 8)
$$;

-- Adds the failures in a batch of outcomes, except for the positions in p_skip (F1).
create function pdoflow.note_failures(p_batch pdoflow.outcome_batch, p_skip bigint[])
returns void language plpgsql set jit = off set enable_seqscan = off set enable_hashjoin = off
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
        select b.posting_id, e.seq, now() - b.age_us * interval '1 us'
                 + e.offset_ms * interval '1 ms' as at, e.error,
               pdoflow.fingerprint(e.error) as fingerprint
        from unnest(p_batch.postings, p_batch.firsts, p_batch.ends, p_batch.states,
                    p_batch.ages_us, p_batch.offsets, p_batch.errors) with ordinality
            as b (posting_id, first_seq, end_seq, state, age_us, offsets, errors, position)
          cross join lateral (
            select seq, offset_ms, nullif(error, '')::jsonb as error
            from rows from (generate_series(b.first_seq, b.end_seq - 1),
                            unnest(b.offsets::integer[]), string_to_table(b.errors, e'\n'))
              as u (seq, offset_ms, error)) e
        where b.state = 'failed' and b.position <> all (p_skip)) f
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

-- Folds the rows of one group into one, except for rows that other transactions have locked.
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

-- Counts jobs as failed again if they were retried by hand and the retry was cancelled: the jobs in
-- these ranges that failed in the attempt before. Returns their number for each posting. Computing
-- a fingerprint takes 50 us, so errors that are equal in its inputs share one.
create function pdoflow.restore_failures(
  p_postings bigint[], p_firsts integer[], p_ends integer[], p_attempts integer[]
) returns table (posting_id bigint, jobs integer) language plpgsql
set jit = off set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
#variable_conflict use_column
begin
  return query
    with alike as (
      select r.posting_id, max(o.seq) as seq, count(*) as jobs, min(o.ended_at) as first_at,
             max(o.ended_at) as last_at, (array_agg(o.error order by o.seq desc))[1] as error
      from unnest(p_postings, p_firsts, p_ends, p_attempts)
          as r (posting_id, first_seq, end_seq, attempt)
        cross join lateral (
          select e.seq, e.ended_at, e.error from pdoflow.outcome_run f
            cross join lateral pdoflow.each_outcome(f, false, false) e
          where f.posting_id = r.posting_id and f.first_seq > r.first_seq - 1000
            and f.first_seq < r.end_seq and f.state = 'failed' and f.attempt = r.attempt - 1
            and e.seq >= r.first_seq and e.seq < r.end_seq) o
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
        select pdoflow.fingerprint(a.error) as fingerprint, left(a.error ->> 'name', 200) as name,
               left(split_part(a.error ->> 'message', E'\n', 1), 200) as message offset 0) o
      group by a.posting_id, o.fingerprint
      returning posting_id, jobs)
    select posting_id, sum(jobs)::integer from noted group by posting_id;
end $$;
