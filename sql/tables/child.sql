create table pdoflow.child (
  posting_id bigint primary key,
  parent_id bigint not null,
  parent_seq integer not null,
  attempt integer not null,
  lease_id bigint not null,
  number integer not null,
  root_id bigint not null,
  depth integer not null,
  route_id integer not null,
  posted_at timestamptz,
  dropped_at timestamptz,
  draft jsonb,
  constraint c2_parent_was_there check (root_id <= parent_id and parent_id < posting_id),
  constraint c3_caps check (depth between 1 and 32 and number between 0 and 999),
  constraint c4_one_state check (num_nonnulls(posted_at, dropped_at, draft) = 1),
  constraint w_short check (octet_length(draft::text) <= 20000)
);
comment on table pdoflow.child is
'One row: a posting that a job posted, its parent. Until the outcome of that attempt is recorded it
is a draft: its jobs are written, and its future row of posting is in draft. Nobody sees a draft.
  C1  A draft becomes a posting only in the transaction that records its attempt as done, under the
      same lease. So a job that ran three times has posted its children once. If the attempt ends in
      another way, or its lease ends, the draft is dropped: its jobs are deleted.
  C2  The parent was posted before, so children form trees. root_id is the root of the tree.
  C3  depth is 1 for the children of the root. number counts the posts of one attempt.
  C4  It is a draft, posted, or dropped.';
-- Serves: a repeated post of the same attempt; the children of a posting or job.
create unique index child_of on pdoflow.child (parent_id, parent_seq, attempt, lease_id, number);
-- Serves: dropping drafts; the spans, routes and open postings that drafts use.
create index child_draft on pdoflow.child (posting_id) where draft is not null;
-- Serves: the number of postings of a tree (C3).
create index child_of_root on pdoflow.child (root_id) where dropped_at is null;

alter table pdoflow.child enable row level security;
create policy seen on pdoflow.child for select using (
  (select pdoflow.reads_all())
  or exists (select from pdoflow.posting p where p.id = parent_id offset 0));
