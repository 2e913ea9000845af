create table pdoflow.job_order (
  posting_id bigint not null,
  first_index integer not null,
  seqs integer[] not null,
  primary key (posting_id, first_index),
  constraint j5_a_run
    check (0 <= first_index and first_index % 1000 = 0 and cardinality(seqs) between 1 and 1000)
);
comment on table pdoflow.job_order is
'One row: the seqs of up to 1,000 jobs with consecutive indexes, starting at first_index. It is the
inverse of job.indexes (J2), for readers who ask for jobs by index.
  J5  Only sorted postings have rows: one for each 1,000 jobs, without gaps. The seqs of a posting
      are 0 to job_count - 1, each once.';

alter table pdoflow.job_order enable row level security;
create policy seen on pdoflow.job_order for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
