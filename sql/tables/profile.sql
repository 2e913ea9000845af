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
