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
'One row: a key of a poster for postings of which only the newest should run, and that posting.
  B1  At most the newest posting of a key waits untouched. A new posting cancels the one before in
      the transaction that posts it, if nothing of it was ever claimed. If the one before belongs
      to another project, the new posting is refused.';
-- Serves: deleting postings.
create index job_key_posting on pdoflow.job_key (posting_id);
