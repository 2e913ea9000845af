create table pdoflow.grantee (
  role regrole not null,
  kind text not null check (kind in ('poster', 'viewer', 'operator', 'pool')),
  posters text[],
  share real not null default 1 check (share between 0.01 and 100),
  max_open integer check (max_open > 0),
  max_argument_bytes integer check (max_argument_bytes > 0),
  max_result_bytes integer check (max_result_bytes > 0),
  max_output_bytes integer check (max_output_bytes >= 0),
  primary key (role, kind),
  constraint r3_of_its_kind check (
    case kind when 'poster' then posters is null
              else (posters is null or kind = 'pool') and share = 1
                and coalesce(max_open, max_argument_bytes, max_result_bytes, max_output_bytes)
                  is null end)
);
comment on table pdoflow.grantee is
'One row: what a role, and the roles that are members of it, may do, beside what it may do as
another kind. The grants of the server are made of these rows, by apply_grants.
  T1  posters are the roles whose jobs a pool of this role may run, beside those of its own; null:
      everybody''s.
  T2  Among those of the same priority, each poster has a claim of a pool in its turn; of two that
      always have jobs waiting one with twice the share has twice the claims.
  T3  A poster has at most max_open postings that have not ended, and no argument list of more
      than max_argument_bytes; null: any. Of several rows that hold for a role the largest counts.
  T4  Of a job of its postings no result of more than max_result_bytes is kept, and of what it
      prints to stdout, and to stderr, max_output_bytes; as it was when they were posted.';
