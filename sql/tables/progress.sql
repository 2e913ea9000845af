create table pdoflow.progress (
  posting_id bigint not null,
  done integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  retrying integer not null default 0,
  released integer not null default 0
);
comment on table pdoflow.progress is
'One row: the amounts that one transaction added to the totals of one posting. Rows are appended,
and folded from time to time, so that no query ever counts jobs (rule 3).
  G1  The sum over a posting is exact at every commit: ended jobs by state, and the jobs in the
      retry table, either after a failure (retrying) or never started (released).
  G2  A posting that has ended has none (P2).';
-- Serves: totals, fold, finish.
create index progress_posting on pdoflow.progress (posting_id);

alter table pdoflow.progress enable row level security;
create policy seen on pdoflow.progress for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
