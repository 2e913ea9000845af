-- Claiming jobs and reading their arguments in one statement.

create view pdoflow.runnable as
select id, json_build_object(
  'id', id, 'routeId', route_id, 'entryPoint', entry_point, 'jobCount', job_count,
  'maxAttempts', max_attempts,
  'backoffMs', backoff_ms, 'timeoutMs', timeout_ms, 'graceMs', grace_ms,
  'stopAfter', stop_after, 'keepsResults', keeps_results, 'keepsOutput', keeps_output,
  'maxResultBytes', max_result_bytes, 'maxOutputBytes', max_output_bytes,
  'hasFailureLimit', coalesce(max_failures, max_failures_percent) is not null,
  'hasRate', rate_count is not null,
  'isSorted', is_sorted,
  'upstream', case when gather is not null then pdoflow.upstream_of(gather, gather_size) end,
  'schedule', case when scheduled_at is not null then json_build_object(
    'name', schedule, 'nominalMs', extract(epoch from scheduled_at) * 1000) end,
  'traceparent', traceparent
  ) as posting
from pdoflow.posting;
comment on view pdoflow.runnable is
'The properties of a posting that a pool needs to run its jobs (RunnablePosting in
src/db/engine/leases.ts).';

-- Reads postings of one job each, with their positions in p_postings: a row for all that run in the
-- same way. No row at all if one has more jobs or is gone, or if the arguments exceed 4 MiB
-- together.
create function pdoflow.read_singles(p_postings bigint[])
returns table (posting_ids text, positions text, args text, posting json)
language plpgsql stable set plan_cache_mode = force_generic_plan
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_first bigint := (select min(id) from unnest(p_postings) as u (id));
  v_last bigint := (select max(id) from unnest(p_postings) as u (id));
begin
  return query
    with read as materialized (
      select u.posting_id, u.position, b.args, p.route_id, p.entry_point, p.max_attempts,
             p.backoff_ms, p.timeout_ms, p.grace_ms, p.stop_after, p.keeps_results, p.keeps_output,
             coalesce(p.max_failures, p.max_failures_percent) is null as may_fail,
             p.rate_count is null as has_no_rate, p.max_result_bytes, p.max_output_bytes,
             p.gather, p.gather_size, p.schedule, p.scheduled_at, p.traceparent
      from unnest(p_postings) with ordinality as u (posting_id, position)
        -- Not joins: a plan of small tables reads all jobs between the first and the last posting.
        cross join lateral (
          select * from pdoflow.posting where id = u.posting_id and job_count = 1 offset 0) p
        cross join lateral (
          select args from pdoflow.job
          where posting_id = u.posting_id and first_seq = 0
            and posting_id >= v_first and posting_id <= v_last offset 0) b)
    select string_agg(r.posting_id::text, ','), string_agg(r.position::text, ','),
           string_agg(r.args, e'\n'),
           (select posting from pdoflow.runnable where id = min(r.posting_id))
    from read r
    -- The size of a text is known without decompressing it.
    where (select count(args) = cardinality(p_postings)
                  and sum(octet_length(args)) <= 4 * 1024 * 1024 from read)
    -- All columns of runnable, except for the id.
    group by r.route_id, r.entry_point, r.max_attempts, r.backoff_ms, r.timeout_ms, r.grace_ms,
             r.stop_after, r.keeps_results, r.keeps_output, r.may_fail, r.has_no_rate,
             r.max_result_bytes, r.max_output_bytes, r.gather, r.gather_size, r.schedule,
             r.scheduled_at, r.traceparent;
end $$;

-- Claimed jobs: one range or, of similar postings of one job each, many. Then posting_ids and
-- positions (their order among the ranges of all rows) are lists, args has one element for each,
-- and posting describes the lowest of them. An empty text stands for arguments that are not read
-- here, and for a job that does not exist.
create type pdoflow.claimed_jobs as (
  lease_id bigint, first_seq integer, end_seq integer, attempt integer, wait_ms integer,
  running_limit integer, posting_ids text, positions text, args text, posting json);

-- Claims jobs and reads them. If at most p_read_limit jobs are claimed, this returns their
-- arguments, a line for each job, and their postings. So a single job starts a round trip sooner,
-- and a thousand postings of one job are read at once. Arguments of a larger claim, or of one whose
-- arguments may exceed 4 MiB together, are read after the commit, because a lane is locked until
-- then. That size is estimated from the stored size: compression shrinks texts at most 88 or 255
-- times.
create function pdoflow.claim_jobs(
  p_pool bigint, p_options pdoflow.claim_options, p_read_limit integer
) returns setof pdoflow.claimed_jobs
language plpgsql set plan_cache_mode = force_generic_plan
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_claimed record;
  v_first bigint;
  v_last bigint;
begin
  -- Separate statements, after the claim: each sees everything that was posted before the claim.
  select array_agg(c.lease_id) as leases, array_agg(c.posting_id) as postings,
         array_agg(c.first_seq) as firsts, array_agg(c.end_seq) as ends,
         array_agg(c.attempt) as attempts, array_agg(c.wait_ms) as waits,
         min(c.running_limit) as running_limit, sum(c.end_seq - c.first_seq) as jobs,
         max(c.first_seq) as last_seq, max(c.attempt) as last_attempt,
         min(c.posting_id) as least, max(c.posting_id) as greatest
  into v_claimed
  from pdoflow.claim(p_pool, p_options) c;
  -- With the lowest and the highest posting the planner excludes all other spans in advance.
  v_first := v_claimed.least;
  v_last := v_claimed.greatest;
  if v_claimed.jobs <= p_read_limit and cardinality(v_claimed.postings) = v_claimed.jobs
     and v_claimed.last_seq = 0 and v_claimed.last_attempt = 1 then
    return query select v_claimed.leases[1], 0, 1, 1, null::integer, v_claimed.running_limit, s.*
                 from pdoflow.read_singles(v_claimed.postings) s;
    if found then return; end if;
  end if;
  return query
    with alike as (
      select r.lease_id, r.first_seq, r.end_seq, r.attempt, r.wait_ms,
             string_agg(r.posting_id::text, ',') as posting_ids,
             string_agg(r.position::text, ',') as positions,
             string_agg(j.args, e'\n') as args, min(r.posting_id) as least
      from unnest(v_claimed.leases, v_claimed.postings, v_claimed.firsts, v_claimed.ends,
                  v_claimed.attempts, v_claimed.waits) with ordinality
          as r (lease_id, posting_id, first_seq, end_seq, attempt, wait_ms, position)
        left join lateral (
          select coalesce(case when bool_and(s.is_small) then
                   string_agg(case when s.is_small then pdoflow.lines_of(
                     b.args, b.sweep, b.first_seq, b.end_seq, r.first_seq, r.end_seq) end,
                     e'\n' order by b.first_seq)
                 end, '') as args
          from pdoflow.job b cross join lateral (
            select v_claimed.jobs * coalesce(
                case when b.args is null and b.line_bytes is null
                     then pdoflow.over_bytes(r.posting_id, r.first_seq, r.end_seq) end,
                b.line_bytes::bigint * jobs, pdoflow.max_bytes_of(b.args, b.end_seq - b.first_seq))
              <= 4 * 1024 * 1024::bigint * jobs as is_small
            from (select least(b.end_seq, r.end_seq) - greatest(b.first_seq, r.first_seq) as jobs)
              part) s
          where b.posting_id = r.posting_id and b.first_seq < r.end_seq
            -- Small postings begin at 0, and there are many in a claim.
            and b.first_seq >= case when r.first_seq = 0 then 0
                                    else pdoflow.block_of(r.posting_id, r.first_seq) end
            and b.posting_id >= v_first and b.posting_id <= v_last
          having v_claimed.jobs <= p_read_limit) j on true
        left join pdoflow.posting p
          on p.id = r.posting_id and p.job_count = 1 and v_claimed.jobs <= p_read_limit
      -- All columns of runnable, except for the id.
      group by r.lease_id, r.first_seq, r.end_seq, r.attempt, r.wait_ms,
               case when p.id is null then r.position end, p.route_id, p.entry_point,
               p.max_attempts, p.backoff_ms, p.timeout_ms, p.grace_ms, p.stop_after,
               p.keeps_results, p.keeps_output,
               coalesce(p.max_failures, p.max_failures_percent) is null,
               p.rate_count is null, p.max_result_bytes, p.max_output_bytes, p.gather,
               p.gather_size, p.schedule, p.scheduled_at, p.traceparent)
    select a.lease_id, a.first_seq, a.end_seq, a.attempt, a.wait_ms,
           v_claimed.running_limit, a.posting_ids, a.positions,
           a.args, p.posting
    from alike a left join lateral (
      select posting from pdoflow.runnable
      where id = a.least and v_claimed.jobs <= p_read_limit) p on true;
end $$;
