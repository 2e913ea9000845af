create table pdoflow.permit (
  posting_id bigint not null,
  starts_by timestamptz not null,
  jobs integer not null
);
comment on table pdoflow.permit is
'One row: so many jobs of a posting with a rate (P5) were claimed at once, each to start before
starts_by or not at all (it is released then). Appended; deleted when its time is long past.
  M1  In any rate_ms before now the permits that could have started then add up to rate_count at
      most. Two jobs that start within rate_ms were both permitted, and the later permit counted
      the earlier one, which could still start within rate_ms of it.';
-- Serves: the permits of a posting that count now, and deleting those that do not any more.
create index permit_recent on pdoflow.permit (posting_id, starts_by);

alter table pdoflow.permit enable row level security;
create policy seen on pdoflow.permit for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p where p.id = posting_id offset 0));
