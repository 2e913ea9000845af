-- Retention. job and outcome are partitioned by posting, so that whole spans can be truncated or
-- dropped instead of deleted row by row. Each function here is one short transaction. If a prune is
-- killed between two of them, the next prune finds all that is left.

-- Whether a posting ended at least p_age_ms ago, in one of p_states (P6).
create function pdoflow.ended_before(
  p_posting pdoflow.posting, p_age_ms bigint, p_states pdoflow.posting_state[]
) returns boolean language sql stable as $$
  -- greatest ignores nulls.
  select p_posting.ended_at <= now() - greatest(p_age_ms, p_posting.keep_ms) * interval '1 ms'
         and p_posting.state = any (p_states)
$$;

-- Whether a posting can be pruned; one of a flow only with all others of the flow (F3).
create function pdoflow.is_prunable(
  p_posting pdoflow.posting, p_age_ms bigint, p_states pdoflow.posting_state[]
) returns boolean language sql stable as $$
  select pdoflow.ended_before(p_posting, p_age_ms, p_states) and (
    p_posting.flow_id is null or not exists (
      select from pdoflow.posting s
      where s.flow_id = p_posting.flow_id
        and pdoflow.ended_before(s, p_age_ms, p_states) is not true))
$$;

-- Whether a posting that cannot be pruned has an edge to this one, or to one above it (W3).
create function pdoflow.is_kept_by_edge(
  p_posting bigint, p_age_ms bigint, p_states pdoflow.posting_state[]
) returns boolean language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return exists (
      select from pdoflow.edge e join pdoflow.posting d on d.id = e.posting_id
      where e.upstream_id = p_posting and pdoflow.is_prunable(d, p_age_ms, p_states) is not true)
    or exists (select from pdoflow.child where posting_id = p_posting) and exists (
      select from pdoflow.ancestors(p_posting) a join pdoflow.edge e on e.upstream_id = a.id
        join pdoflow.posting d on d.id = e.posting_id
      where pdoflow.is_prunable(d, p_age_ms, p_states) is not true);
end $$;

-- Checks the next p_limit postings after p_after, and deletes the prunable ones with their lanes
-- (Z1). Returns the last posting that it checked, null if there was none. Skips locked postings.
create function pdoflow.prune_postings(
  p_after bigint, p_age_ms bigint, p_states pdoflow.posting_state[], p_limit integer,
  out last_id bigint, out postings integer, out jobs bigint
) language plpgsql as $$
declare
  v_leased bigint[];
  v_going bigint[];
begin
  last_id := (select max(id) from (
    select id from pdoflow.posting where id > p_after order by id limit p_limit) next);
  v_leased := array(select unnest(posting_ids) from pdoflow.lease where active); -- Z2
  v_going := array(
    select id from pdoflow.posting p
    where id > p_after and id <= last_id and pdoflow.is_prunable(p, p_age_ms, p_states)
      and not exists (select from unnest(v_leased) as l (id) where l.id = p.id)
    order by id for update skip locked);
  -- A statement after the locks: it sees the edges of all postings that locked their upstreams.
  with gone as (
    delete from pdoflow.posting p
    where id = any (v_going) and not pdoflow.is_kept_by_edge(p.id, p_age_ms, p_states)
    returning id, job_count),
  edges as (
    delete from pdoflow.edge where posting_id in (select id from gone)),
  children as (
    delete from pdoflow.child where posting_id in (select id from gone)),
  dropped as (
    delete from pdoflow.child where parent_id in (select id from gone) and posted_at is null
    returning posting_id, draft),
  lanes as (
    delete from pdoflow.lane where posting_id in (select id from gone)),
  orders as (
    delete from pdoflow.job_order where posting_id in (select id from gone)),
  failures as (
    delete from pdoflow.failure where posting_id in (select id from gone)),
  profiles as (
    delete from pdoflow.profile where posting_id in (select id from gone)),
  noted as (
    insert into pdoflow.pruned (posting_id, job_count)
    select id, job_count from gone
    union all
    select posting_id, (draft ->> 'job_count')::integer from dropped where draft is not null)
  select count(*), coalesce(sum(job_count), 0) into postings, jobs from gone;
end $$;

-- Whether a span has postings, or drafts.
create function pdoflow.is_used(p_span pdoflow.span) returns boolean language plpgsql as $$
begin
  return exists (
      select from pdoflow.posting where id >= p_span.first_id and id < p_span.end_id)
    or exists (
      select from pdoflow.child where draft is not null
        and posting_id >= p_span.first_id and posting_id < p_span.end_id);
end $$;

-- Truncates the jobs and outcomes of a span whose postings are all gone. Returns the number of
-- bytes freed; null if the span is in use: claims, postings and outcomes never wait for this.
create function pdoflow.empty_span(p_first bigint) returns bigint language plpgsql as $$
declare
  v_span pdoflow.span;
  v_bytes bigint;
begin
  if not pg_try_advisory_xact_lock(pdoflow.span_lock(p_first)) then return null; end if;
  select * into v_span from pdoflow.span where first_id = p_first;
  if not found then return 0; end if;
  begin
    execute format('lock table %s, %s in access exclusive mode nowait', v_span.jobs,
                   v_span.outcomes);
  exception when lock_not_available then
    return null;
  end;
  -- A statement after the lock: it sees everything that has been posted.
  if pdoflow.is_used(v_span) then return 0; end if;
  v_bytes := pg_total_relation_size(v_span.jobs) + pg_total_relation_size(v_span.outcomes);
  execute format('truncate %s, %s', v_span.jobs, v_span.outcomes);
  return v_bytes - pg_total_relation_size(v_span.jobs) - pg_total_relation_size(v_span.outcomes);
end $$;

-- Deletes the jobs and outcomes of pruned postings in a span, for at most p_limit jobs. Returns the
-- number of jobs; null if nothing is left, or another prune is doing it.
create function pdoflow.prune_jobs(p_first bigint, p_limit integer) returns integer
language plpgsql as $$
declare
  v_span pdoflow.span;
  v_one pdoflow.pruned;
  v_ids bigint[];
  v_end integer;
begin
  select * into v_span from pdoflow.span where first_id = p_first;
  select * into v_one from pdoflow.pruned
  where posting_id >= v_span.first_id and posting_id < v_span.end_id
  order by posting_id limit 1 for update skip locked;
  if not found then return null; end if;

  if v_one.from_seq > 0 or v_one.job_count > p_limit then
    v_end := least(v_one.from_seq + p_limit, v_one.job_count);
    execute format('delete from %s where posting_id = $1 and attempt = any (array(
                      select generate_series(1, (select max(attempt) from %1$s
                                                 where posting_id = $1))))
                      and first_seq >= $2 and first_seq < $3',
                   v_span.outcomes) using v_one.posting_id, v_one.from_seq, v_end;
    execute format('delete from %s where posting_id = $1 and first_seq >= $2 and first_seq < $3',
                   v_span.jobs) using v_one.posting_id, v_one.from_seq, v_end;
    update pdoflow.pruned set from_seq = v_end where posting_id = v_one.posting_id;
    delete from pdoflow.pruned where posting_id = v_one.posting_id and from_seq = job_count;
    return v_end - v_one.from_seq;
  end if;
  v_ids := array(
    select posting_id from (
      select posting_id, from_seq, sum(job_count) over (order by posting_id) as total from (
        select * from pdoflow.pruned
        where posting_id >= v_one.posting_id and posting_id < v_span.end_id
        order by posting_id limit 1000 for update skip locked) next) few
    where total <= p_limit and from_seq = 0);
  execute format('delete from %s where posting_id = any ($1)', v_span.outcomes) using v_ids;
  execute format('delete from %s where posting_id = any ($1)', v_span.jobs) using v_ids;
  with gone as (
    delete from pdoflow.pruned where posting_id = any (v_ids) returning job_count)
  select sum(job_count) into v_end from gone;
  return v_end;
end $$;

-- Checks the next p_limit leases after p_after, and deletes ended ones whose postings are all gone.
-- Returns the last lease that it checked, null if there was none. (If a posting stays, a job that
-- was released from a deleted lease keeps its outcome; its host is then unknown.)
create function pdoflow.prune_leases(
  p_after bigint, p_limit integer, out last_id bigint, out leases integer
) language plpgsql as $$
begin
  last_id := (select max(id) from (
    select id from pdoflow.lease where id > p_after order by id limit p_limit) next);
  with gone as (
    delete from pdoflow.lease l
    where id > p_after and id <= last_id and not active
      and not exists (select from pdoflow.posting p where p.id = any (l.posting_ids))
    returning id)
  select count(*) into leases from gone;
end $$;

-- Deletes pools that ended p_age_ms ago, at least a day: a suspended machine may wake up, and its
-- pool must find itself lost. Pools with leases stay.
create function pdoflow.prune_pools(p_age_ms bigint) returns integer language sql volatile as $$
  with gone as (
    delete from pdoflow.pool p
    where state in ('stopped', 'lost')
      and heartbeat_at < now() - greatest(p_age_ms * interval '1 ms', interval '1 day')
      and not exists (select from pdoflow.lease l where l.pool_id = p.id)
    returning id)
  select count(*)::integer from gone
$$;

-- Deletes up to p_limit routes that no posting uses; returns their number. The deletion is a
-- separate statement after the locks: a transaction that posts with one of these routes now waits
-- and then creates it again; one that did so before has committed and is visible, or its route is
-- skipped (R3).
create function pdoflow.prune_routes(p_limit integer) returns integer language plpgsql as $$
declare
  v_ids integer[];
  v_gone integer;
begin
  v_ids := array(
    select id from pdoflow.route r
    where not exists (select from pdoflow.posting p where p.route_id = r.id)
      and not exists (select from pdoflow.child c where c.route_id = r.id and c.draft is not null)
    order by id limit p_limit for update skip locked);
  delete from pdoflow.route r where id = any (v_ids)
    and not exists (select from pdoflow.posting p where p.route_id = r.id)
    and not exists (select from pdoflow.child c where c.route_id = r.id and c.draft is not null);
  get diagnostics v_gone = row_count;
  return v_gone;
end $$;

-- Drops a few spans that are empty and whose numbers are used up, except for the newest two.
-- Returns their number; null if job or outcome is in use: this never waits, because everything
-- after it would wait too.
create function pdoflow.drop_spans() returns integer language plpgsql as $$
declare
  v_span pdoflow.span;
  v_dropped integer := 0;
begin
  for v_span in
    select s.* from pdoflow.span s
    where first_id < (select min(first_id) from (
                        select first_id from pdoflow.span order by first_id desc limit 2) newest)
      and end_id <= (select last_value from pdoflow.posting_id_seq)
      and pg_relation_size(jobs) = 0 and pg_relation_size(outcomes) = 0
      and not pdoflow.is_used(s)
      and not exists (select from pdoflow.pruned
                      where posting_id >= s.first_id and posting_id < s.end_id)
    order by first_id limit 10
  loop
    begin
      execute format('lock table only pdoflow.job, only pdoflow.outcome_run, %s, %s
                      in access exclusive mode nowait', v_span.jobs, v_span.outcomes);
    exception when lock_not_available then
      return nullif(v_dropped, 0);
    end;
    -- X2: a poster that has a number of this span and has not inserted yet holds the lock of the
    -- span.
    continue when not pg_try_advisory_xact_lock(pdoflow.span_lock(v_span.first_id))
      or pdoflow.is_used(v_span);
    execute format('drop table %s, %s', v_span.jobs, v_span.outcomes);
    delete from pdoflow.span where first_id = v_span.first_id;
    v_dropped := v_dropped + 1;
  end loop;
  return v_dropped;
end $$;
