create table pdoflow.signature (
  posting_id bigint primary key
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  statement text not null,
  key_id text not null,
  signature text not null,
  blocks text not null,
  constraint w_short check (
    length(statement) <= 100000 and length(key_id) <= 200 and length(signature) <= 1000
    and octet_length(blocks) <= 1000000000)
);
comment on table pdoflow.signature is
'One row: the signature of a posting.
  A1  Written only in the transaction that posts. statement is the exact text that was signed with
      the key key_id; signature is in base64. The statement contains the digest of blocks, which
      has a line for each block of jobs: the seq before which it ends, and the digest of its jobs.';
