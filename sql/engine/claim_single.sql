-- Claiming the job of a posting that has only one.

-- Claims the job of a posting of which p_pool was notified, if it waits, and reads it. No row if it
-- does not wait, another claim has its lane, or the posting has limits, more jobs or another route:
-- then claim in the usual way. For pools for which nothing else waits: this lane is not compared
-- with others. In one statement, because it takes half the time of a usual claim. L1: nothing was
-- ever claimed of a lane of one job.
create function pdoflow.claim_single(p_pool bigint, p_posting bigint, p_routes integer[])
returns setof pdoflow.claimed_jobs
language plpgsql set plan_cache_mode = force_generic_plan
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
begin
  perform from pdoflow.pool where id = p_pool and state in ('up', 'draining') for key share; -- O1
  if not found then return; end if;
  return query
    with taken as (
      delete from pdoflow.lane where ctid = any (array(
        select l.ctid from pdoflow.lane l
        where l.posting_id = p_posting and l.state = 'open' and l.route_id = any (p_routes)
          and exists (
            select from pdoflow.posting p
            where p.id = p_posting and p.job_count = 1 and p.priority is not null
              and coalesce(p.max_running, p.rate_count) is null)
        for no key update skip locked))
      returning posting_id),
    leased as (
      insert into pdoflow.lease (pool_id, posting_ids, first_seqs, end_seqs, attempts)
      select p_pool, array[posting_id], '{0}', '{1}', '{1}' from taken
      returning id)
    select l.id, 0, 1, 1, null::integer, null::integer, p_posting::text, '1', coalesce((
             select case when b.args is null or octet_length(b.args) <= 4 * 1024 * 1024
                         then pdoflow.lines_of(b.args, b.sweep, 0, 1, 0, 1) end
             from pdoflow.job b where b.posting_id = p_posting and b.first_seq = 0), ''), r.posting
    from leased l join pdoflow.runnable r on r.id = p_posting;
  perform set_config('synchronous_commit', 'off', true); -- as in claim: a crash may forget it
end $$;
