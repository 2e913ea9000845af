create table pdoflow.job (
  posting_id bigint not null,
  seq integer not null,
  index integer,
  args json not null,
  primary key (posting_id, seq),
  constraint j3_list_or_object check (json_typeof(args) in ('array', 'object'))
) partition by range (posting_id);
comment on table pdoflow.job is
'One row: one call of the entry point with its own arguments. Written once, never updated. The
partitions of job and outcome are the spans.
  J1  seq counts from 0 without a gap. Jobs are sorted by priority, highest first, then as posted.
  J2  index is the position of the job among the posted jobs; null if it equals seq (all priorities
      are equal).
  J3  args is a list of arguments, or an object that is the one argument.
args is json, not jsonb: it is checked when posted, and then stored and returned unchanged.';
-- Serves: finding 42/7 if seq and index differ.
create unique index job_index on pdoflow.job (posting_id, index) where index is not null;

-- Applies the policy of posting to each row. Without "offset 0" the planner may read all postings.
-- All jobs of a lease have the same route.
alter table pdoflow.job enable row level security;
create policy seen on pdoflow.job for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
