-- Where jobs spend their time: stacks of functions, sampled in a share of the jobs.

create table pdoflow.profile (
  posting_id bigint not null,
  pool_id bigint not null,
  jobs integer not null,
  stacks jsonb not null,
  reported_at timestamptz not null default now(),
  primary key (posting_id, pool_id),
  constraint w_short check (octet_length(stacks::text) <= 8000000)
);
comment on table pdoflow.profile is
'One row: what one pool has sampled of the jobs of one posting. Reported every few seconds, if
the pool was started to do so.
  F2  stacks has, by the functions from the outermost on with a newline between them, how often the
      sampler found that; the 2,000 most frequent ones, and at most 7 MB of them. jobs is the
      number of attempts sampled.';
alter table pdoflow.profile enable row level security;
create policy seen on pdoflow.profile for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));

-- Adds what a pool has sampled since it told before.
create function pdoflow.pool_profile(
  p_pool bigint, p_posting bigint, p_jobs integer, p_stacks jsonb
) returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  if jsonb_typeof(p_stacks) is distinct from 'object' or octet_length(p_stacks::text) > 8000000
     or p_jobs is null or p_jobs < 0 then
    raise exception 'expected the stacks of a profile' using errcode = 'PF002';
  end if;
  insert into pdoflow.profile as f (posting_id, pool_id, jobs, stacks)
  select p.id, p_pool, p_jobs, p_stacks from pdoflow.posting p
  where p.id = p_posting
    and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()))
  on conflict (posting_id, pool_id) do update
  set jobs = f.jobs + excluded.jobs, reported_at = now(), stacks = (
    select coalesce(jsonb_object_agg(t.stack, t.samples), '{}') from (
      select n.stack, n.samples, sum(octet_length(to_json(n.stack)::text) + 24)
               over (order by n.samples desc, n.stack) as bytes from (
        select s.key as stack, sum(s.value::bigint) as samples from (
          select * from jsonb_each_text(f.stacks)
          union all select * from jsonb_each_text(excluded.stacks)) s
        group by s.key order by 2 desc, 1 limit 2000) n) t
    where t.bytes <= 7000000);
end $$;

select pdoflow.apply_grants();
