create table pdoflow.permit (
  posting_id bigint not null,
  starts_by timestamptz not null,
  jobs integer not null
);
comment on table pdoflow.permit is
'One row: jobs of a posting with a rate (P5) that one claim took. Each of them starts before
starts_by, or is released. Rows are appended, and deleted long after starts_by.
  M1  In any period of rate_ms, the permits whose jobs could start in it add up to at most
      rate_count: if two jobs start within rate_ms, the permit of the later one counted the earlier
      one, because that job could still start within rate_ms.';
-- Serves: the permits of a posting that count now, and deleting expired ones.
create index permit_recent on pdoflow.permit (posting_id, starts_by);

alter table pdoflow.permit enable row level security;
create policy seen on pdoflow.permit for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p where p.id = posting_id offset 0));
