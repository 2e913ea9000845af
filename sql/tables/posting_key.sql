create table pdoflow.posting_key (
  poster text not null,
  poster_os text not null,
  key text not null,
  posting_id bigint not null
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  primary key (poster, poster_os, key),
  constraint w_short check (
    length(poster) <= 63 and length(poster_os) <= 100 and length(key) <= 500)
);
comment on table pdoflow.posting_key is
'One row: the key of a posting. Posting again with the same key returns the same posting.
  K1  A key of a poster belongs to one posting. A transaction that posts writes the key first:
      others that post with the same key wait until it ends.';
-- Serves: deleting postings.
create index posting_key_posting on pdoflow.posting_key (posting_id);
