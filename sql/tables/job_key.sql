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
'One row: a key that a poster gave postings of which only the newest is to run, and that one.
  K2  Of the postings of a key at most the newest waits untouched: one that did when the next was
      posted was cancelled in the transaction that posted it. One of another project is not
      cancelled: posting is refused.';
-- Serves: deleting postings.
create index job_key_posting on pdoflow.job_key (posting_id);
