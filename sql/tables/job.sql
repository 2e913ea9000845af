create table pdoflow.job (
  posting_id bigint not null,
  seq integer not null,
  index integer,
  args json not null,
  primary key (posting_id, seq),
  constraint j3_list_or_object check (json_typeof(args) in ('array', 'object'))
) partition by range (posting_id);
comment on table pdoflow.job is
'One row: one call of the entry point with its own arguments. Written once, never updated. Its
partitions and those of outcome are the spans.
  J1  seq counts from 0 without a gap: jobs sorted by priority, higher first, stable.
  J2  index is its place in what was posted; null where it equals seq (all priorities equal).
The arguments are json, not jsonb: checked when posted, kept and handed out as they came.';
-- Serves: finding 42/7 where seq and index differ.
create unique index job_index on pdoflow.job (posting_id, index) where index is not null;

-- By the policy of posting, looked up for each row: without "offset 0" all postings may be read for
-- it. The jobs of a lease are all of one route.
alter table pdoflow.job enable row level security;
create policy seen on pdoflow.job for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
