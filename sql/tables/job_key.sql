create table pdoflow.job_key (
  poster text not null,
  poster_os text not null,
  key text not null,
  posting_id bigint not null
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  primary key (poster, poster_os, key),
  constraint w_short check (
    length(poster) <= 63 and length(poster_os) <= 100 and length(key) <= 500)
);
comment on table pdoflow.job_key is
'One row: a job key of a poster, and the newest posting that has it. Of the postings with the same
job key, only the newest should run.
  B1  Of the postings with a job key, only the newest can be waiting and unclaimed. The transaction
      that posts a new one cancels the one before, unless a job of that one was ever claimed. If the
      one before belongs to another project, the new posting is refused.';
-- Serves: deleting postings.
create index job_key_posting on pdoflow.job_key (posting_id);
