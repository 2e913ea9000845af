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
'One row: the samples of one pool for the jobs of one posting. A pool that was started with
profiling reports them every few seconds.
  Q1  stacks has the number of samples for each stack: the functions, outermost first, one per line.
      It keeps the 2,000 most frequent stacks, at most 7 MB. jobs counts the sampled attempts.';

alter table pdoflow.profile enable row level security;
create policy seen on pdoflow.profile for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
