-- Ending postings, and keeping their progress short.

-- Ends the postings of p_postings whose jobs have all ended, and notifies their waiters. Call this
-- in a transaction after the one that recorded: if two pools record the last outcomes at the same
-- moment, neither sees the other, but the later call sees both.
create function pdoflow.finish(p_postings bigint[]) returns setof bigint
language plpgsql
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off as $$
#variable_conflict use_column
declare
  v_open bigint[];
  v_ended bigint[];
begin
  -- A posting with a lane that is not closed has not ended. Nor has one whose upstream has not
  -- (E2): the end of the upstream leads here again. These checks save summing up its progress
  -- rows, many of which may be dead while an old snapshot is open.
  v_open := array(select id from pdoflow.posting p
                  where id = any (p_postings) and ended_at is null
                    and not exists (select from pdoflow.lane l
                                    where l.posting_id = p.id and l.state <> 'closed')
                    and not exists (select from pdoflow.edge e
                                      join pdoflow.posting u on u.id = e.upstream_id
                                    where e.posting_id = p.id and e.feeds
                                      and u.ended_at is null)
                  order by id for no key update);
  with total as (
    select posting_id, sum(done) as done, sum(failed) as failed, sum(cancelled) as cancelled
    from pdoflow.progress where posting_id = any (v_open) group by posting_id),
  finished as (
    update pdoflow.posting p
    set done = t.done, failed = t.failed, cancelled = t.cancelled, ended_at = now(),
        state = case p.state when 'cancelled' then p.state else 'finished' end
    from total t
    where p.id = t.posting_id and p.job_count = t.done + t.failed + t.cancelled
    returning p.id, pg_notify('pdoflow.ended', p.id::text)),
  folded as (
    delete from pdoflow.progress where posting_id in (select id from finished))
  select array_agg(id) into v_ended from finished;
  if v_ended is not null then perform pdoflow.notify_downstream(v_ended); end if;
  return query select unnest(v_ended);
end $$;

-- Folds the progress rows of up to 100 postings with many rows into one each (G1), and deletes
-- expired permits (M1). Locks the postings, so that finish sees either the old rows or the new one
-- (G2). With p_routes, only does so for postings of these routes.
create function pdoflow.fold(p_routes integer[] default null) returns void language plpgsql as $$
#variable_conflict use_column
declare
  v_postings bigint[];
begin
  v_postings := array(
    select id from pdoflow.posting where id in (
      select posting_id from pdoflow.progress group by posting_id having count(*) > 50
      order by posting_id limit 100) and (p_routes is null or route_id = any (p_routes))
    order by id for no key update skip locked);
  with gone as (delete from pdoflow.progress where posting_id = any (v_postings) returning *)
  insert into pdoflow.progress (posting_id, done, failed, cancelled, retrying, released)
  select posting_id, sum(done), sum(failed), sum(cancelled), sum(retrying), sum(released)
  from gone group by posting_id;
  delete from pdoflow.permit m
  where p_routes is null and starts_by < clock_timestamp() - interval '1 min' and not exists (
    select from pdoflow.posting p
    where p.id = m.posting_id and m.starts_by > clock_timestamp() - p.rate_ms * interval '2 ms');
end $$;
