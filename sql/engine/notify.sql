-- Notifications. Without them polling finds everything, only later (rule 8).

-- Listens on the channels of pools: 'posted' wakes idle pools; 'changed' notifies pools that a
-- posting whose jobs they run was stopped; 'settle' that postings for which others wait have ended.
create function pdoflow.listen() returns void language plpgsql as $$
begin
  listen "pdoflow.posted";
  listen "pdoflow.changed";
  listen "pdoflow.settle";
end $$;

-- Wakes waiting pools for the jobs of these postings. The payload for one posting is its id, the
-- number of jobs, p_jobs or all, and its route; for several it is empty. The pool p_except is not
-- woken for its own sake: it has released the jobs, so it cannot run them, or knows of them. Call
-- this last in a transaction. It sends nothing if no pool waits, because NOTIFY takes a lock on the
-- whole database at commit (rule 8). A pool that starts to listen at this moment checks once more
-- after that, and soon again.
create function pdoflow.wake(p_postings bigint[], p_jobs bigint default null,
                             p_except bigint default null) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
begin
  if exists (select from pdoflow.pool where state in ('up', 'draining') and listens
             and (p_except is null or id <> p_except)) then
    perform pg_notify('pdoflow.posted', coalesce((
      select concat_ws(' ', id, coalesce(p_jobs, job_count), route_id) from pdoflow.posting
      where id = p_postings[1] and cardinality(p_postings) = 1), ''));
  end if;
end $$;

-- Notifies the waiters of postings that these have ended, 400 in a notification, because it has
-- less than 8,000 bytes, and each of them costs as much as recording an outcome.
create function pdoflow.notify_ended(p_postings bigint[]) returns void language plpgsql as $$
begin
  for i in 0..(cardinality(p_postings) - 1) / 400 loop
    perform pg_notify('pdoflow.ended',
                      array_to_string(p_postings[400 * i + 1:400 * i + 400], ' '));
  end loop;
end $$;

-- Notifies pools that postings have ended or stopped, if others wait for them, or for their
-- ancestors. Pools settle these in another transaction: of two upstreams that end at the same
-- moment, neither sees the other.
create function pdoflow.notify_downstream(p_postings bigint[]) returns void
language plpgsql set jit = off set enable_seqscan = off as $$
declare
  v_ids bigint[];
begin
  if not exists (select from pdoflow.edge) then return; end if;
  if exists (select from pdoflow.child where posting_id = any (p_postings)) then
    p_postings := array(
      select distinct a.id from unnest(p_postings) as p (id) cross join lateral (
        select id from pdoflow.ancestors(p.id) offset 0) a);
  end if;
  v_ids := array(select p.id from unnest(p_postings) as p (id)
                 where exists (select from pdoflow.edge e
                               where e.upstream_id = p.id and e.met_at is null and not e.lapsed)
                   or exists (select from pdoflow.edge e where e.upstream_id = p.id and e.feeds));
  if cardinality(v_ids) = 0 then return; end if;
  for i in 0..(cardinality(v_ids) - 1) / 400 loop
    perform pg_notify('pdoflow.settle', array_to_string(v_ids[400 * i + 1:400 * i + 400], ' '));
  end loop;
end $$;
