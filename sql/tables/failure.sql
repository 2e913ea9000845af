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
'One row: the failed jobs that one transaction added to a group of a posting. The jobs of a group
look the same, and one of them is the example. Appended; a transaction that adds to many rows
folds them.
  F1  The sum of jobs over a posting is its number of failed jobs (G1, P2). Over a fingerprint it
      is the size of that group.';
-- Serves: groups of failures, and folding them.
create index failure_posting on pdoflow.failure (posting_id, fingerprint);

-- Only the poster of a job, viewers and operators see its outcome.
alter table pdoflow.failure enable row level security;
create policy seen on pdoflow.failure for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
