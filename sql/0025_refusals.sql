-- Postings that pools do not run: by --trust or --allow, or for want of their code. That is for
-- each pool to say: others may run them, so a refusal stops nothing.

create table pdoflow.refusal (
  id bigint generated always as identity primary key,
  posting_id bigint not null
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  host text not null,
  pool_id bigint not null,
  pool_ids bigint[] not null,
  reason text not null,
  refused_at timestamptz not null default now(),
  unique (posting_id, host),
  constraint w_short check (length(host) <= 255 and length(reason) <= 1000)
);
comment on table pdoflow.refusal is
'One row: the pools of a host do not run a posting, and why the last of them did not.
  H1  Of about ten hosts at most for a posting: of the first ones, so that the oldest row stays. A
      pool passes a posting by until that is not the one which it found, for then somebody has
      resumed the posting: that deletes them all. pool_ids are those of the host that refused it and
      have not changed their mind, of many the last 20; pool_id is the one whose reason it is.';
alter table pdoflow.refusal enable row level security;
create policy seen on pdoflow.refusal for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));

-- Notes that a pool does not run postings of those that the caller's may run, and returns for each
-- its oldest refusal.
create function pdoflow.pool_refuse(p_pool bigint, p_postings bigint[], p_reasons text[])
returns table (posting_id bigint, oldest bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  insert into pdoflow.refusal as f (posting_id, host, pool_id, pool_ids, reason)
  select p.id, o.host, p_pool, array[p_pool], left(min(r.reason), 1000)
  from unnest(p_postings, p_reasons) as r (id, reason)
    join pdoflow.posting p on p.id = r.id join pdoflow.pool o on o.id = p_pool
  -- By their numbers first: a join would look at all postings that have not ended.
  where p.id = any (p_postings) and r.reason is not null and p.ended_at is null
    and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()))
    and (10 > (select count(*) from pdoflow.refusal x where x.posting_id = p.id)
         or exists (select from pdoflow.refusal x where x.posting_id = p.id and x.host = o.host))
  group by p.id, o.host order by p.id -- in the order of forgive
  on conflict (posting_id, host) do update
  set pool_id = excluded.pool_id,
      pool_ids = (array_remove(f.pool_ids, excluded.pool_id) || excluded.pool_id)
                 [greatest(cardinality(f.pool_ids) - 18, 1):],
      reason = excluded.reason, refused_at = excluded.refused_at;
  return query select f.posting_id, min(f.id) from pdoflow.refusal f
    where f.posting_id = any (p_postings) group by f.posting_id;
end $$;

-- Takes back what a pool said of postings that it runs after all.
create function pdoflow.pool_retract(p_pool bigint, p_postings bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  perform pdoflow.require_pool(p_pool);
  -- In the order of pool_refuse.
  perform from pdoflow.refusal
  where posting_id = any (p_postings) and p_pool = any (pool_ids) order by posting_id for update;
  update pdoflow.refusal set pool_ids = array_remove(pool_ids, p_pool)
  where posting_id = any (p_postings) and p_pool = any (pool_ids);
  delete from pdoflow.refusal where posting_id = any (p_postings) and pool_ids = '{}';
end $$;

-- Lets pools look anew at postings that they refused; returns those of them that are open.
create function pdoflow.forgive(p_postings bigint[]) returns bigint[] language plpgsql as $$
declare
  v_ids bigint[];
begin
  with gone as (
    delete from pdoflow.refusal where id in (
      select id from pdoflow.refusal where posting_id = any (p_postings)
      order by posting_id, host for update)
    returning posting_id)
  select array_agg(distinct p.id) into v_ids from gone join pdoflow.posting p on p.id = posting_id
  where p.state = 'open' and p.ended_at is null;
  perform pg_notify('pdoflow.posted', id::text) from unnest(v_ids) as id;
  return coalesce(v_ids, '{}');
end $$;

-- Who does not run a posting that has not ended, and why, in a sentence; null where nobody refused.
create function pdoflow.refusal_of(p_posting bigint) returns text language sql stable as $$
  select format('refused by the pool on %s: %s', f.host, f.reason)
    || case when f.hosts > 1 then format(' (and by pools on %s more hosts)', f.hosts - 1)
            else '' end
  from (select id, host, reason, count(*) over () as hosts from pdoflow.refusal
        where posting_id = p_posting) f
  where exists (select from pdoflow.posting where id = p_posting and ended_at is null)
  order by f.id limit 1
$$;
