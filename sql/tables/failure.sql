create table pdoflow.failure (
  posting_id bigint not null,
  fingerprint text not null,
  jobs integer not null,
  first_at timestamptz,
  last_at timestamptz,
  seq integer,
  name text,
  message text,
  constraint w_short check (
    length(fingerprint) <= 8 and length(name) <= 200 and length(message) <= 200)
);
comment on table pdoflow.failure is
'One row: what one transaction added to the failed jobs of a posting that look the same, with one of
them as the example. Appended; folded up by who appends to many.
  F1  The sum of jobs over a posting is the number of its failed jobs (G1, P2). Over a fingerprint
      it is how many of them have it.';
-- Serves: groups of failures, and folding them.
create index failure_posting on pdoflow.failure (posting_id, fingerprint);

-- What came of jobs is seen by those whose they are; how much is done, by who sees all.
alter table pdoflow.failure enable row level security;
create policy seen on pdoflow.failure for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
