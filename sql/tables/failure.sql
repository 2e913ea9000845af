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
'One row: failed jobs that one transaction added to a group of similar failures of a posting, with
one of them as the example. Rows are appended. A transaction that finds many rows of a group folds
them.
  F1  The sum of jobs over a posting is its number of failed jobs (G1, P2). The sum over a
      fingerprint is the size of that group.';
-- Serves: groups of failures, and folding them.
create index failure_posting on pdoflow.failure (posting_id, fingerprint);

-- Only the poster of a job, viewers and operators see its outcome.
alter table pdoflow.failure enable row level security;
create policy seen on pdoflow.failure for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
