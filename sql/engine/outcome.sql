-- Reading outcome runs (U1 to U8).

-- The outcomes in a run, one by one. The planner inlines this function, and texts that are not
-- requested are not read; usage comes with the output. Of jobs that were measured together, each
-- has its share (U8).
create function pdoflow.each_outcome(
  p_run pdoflow.outcome_run, p_results boolean, p_output boolean
) returns table (seq integer, ended_at timestamptz, duration_ms real, worker_pid integer,
                 result json, error jsonb, stdout text, stderr text, cpu_user_ms double precision,
                 cpu_system_ms double precision, peak_bytes bigint, read_bytes bigint,
                 written_bytes bigint)
language sql stable rows 1000 as $$
  select p_run.first_seq + position::integer - 1, p_run.ended_at + offset_ms * interval '1 ms',
         (duration_us / 1000.0::double precision)::real, coalesce(pid, p_run.worker_pids[1]),
         nullif(result, '')::json, nullif(error, '')::jsonb,
         nullif(stdout, '')::json #>> '{}', nullif(stderr, '')::json #>> '{}',
         user_us / 1000.0::double precision, system_us / 1000.0::double precision,
         peak_bytes::bigint, read_bytes::bigint, written_bytes::bigint
  from rows from (
      unnest(p_run.offsets_ms), unnest(p_run.durations_us), unnest(p_run.worker_pids),
      string_to_table(case when p_results then p_run.results end, e'\n'),
      string_to_table(p_run.errors, e'\n'),
      string_to_table(case when p_output then p_run.stdouts end, e'\n'),
      string_to_table(case when p_output then p_run.stderrs end, e'\n'),
      unnest(pdoflow.usage_group(case when p_output then p_run.usage end,
                                 p_run.end_seq - p_run.first_seq, 1)),
      unnest(pdoflow.usage_group(case when p_output then p_run.usage end,
                                 p_run.end_seq - p_run.first_seq, 2)),
      unnest(pdoflow.usage_group(case when p_output then p_run.usage end,
                                 p_run.end_seq - p_run.first_seq, 3)),
      unnest(pdoflow.usage_group(case when p_output then p_run.usage end,
                                 p_run.end_seq - p_run.first_seq, 4)),
      unnest(pdoflow.usage_group(case when p_output then p_run.usage end,
                                 p_run.end_seq - p_run.first_seq, 5)))
    with ordinality as o (offset_ms, duration_us, pid, result, error, stdout, stderr, user_us,
                          system_us, peak_bytes, read_bytes, written_bytes, position)
$$;

-- One row for each outcome. Query one posting at a time. It reads as the owner, so it has its own
-- condition.
create view pdoflow.outcome with (security_barrier) as
select r.posting_id, r.lease_id, o.ended_at, o.seq, r.attempt, o.worker_pid, o.duration_ms,
       r.state, o.result, o.error, o.stdout, o.stderr, o.cpu_user_ms, o.cpu_system_ms,
       o.peak_bytes, o.read_bytes, o.written_bytes
from pdoflow.outcome_run r
  cross join lateral pdoflow.each_outcome(r, true, true) o
where (select pdoflow.sees_all()) or exists (
  select from pdoflow.posting p
  where p.id = r.posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
  offset 0);

-- The runs with outcomes of jobs from p_first to before p_end. Two steps of the index for each
-- attempt, and one for each run: attempts have no gap, and runs do not overlap (U1).
create function pdoflow.runs_between(p_posting bigint, p_first integer, p_end integer)
returns setof pdoflow.outcome_run language plpgsql stable rows 10
set jit = off set enable_seqscan = off as $$
begin
  return query
    select r.*
    from generate_series(1, (
        select o.attempt from pdoflow.outcome_run o where o.posting_id = p_posting
        order by o.attempt desc limit 1)) as a (attempt)
      cross join lateral (
        select o.* from pdoflow.outcome_run o
        where o.posting_id = p_posting and o.attempt = a.attempt and o.first_seq < p_end
          and o.first_seq >= coalesce((
            select x.first_seq from pdoflow.outcome_run x
            where x.posting_id = p_posting and x.attempt = a.attempt and x.first_seq <= p_first
            order by x.first_seq desc limit 1), p_first)) r
    where r.end_seq > p_first;
end $$;

-- Whether an attempt at a job has an outcome: one step of the index (U1).
create function pdoflow.has_ended(p_posting bigint, p_seq integer, p_attempt integer)
returns boolean language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return coalesce((
    select end_seq from pdoflow.outcome_run
    where posting_id = p_posting and attempt = p_attempt and first_seq <= p_seq
    order by first_seq desc limit 1) > p_seq, false);
end $$;
