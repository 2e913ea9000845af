create table pdoflow.grantee (
  role regrole not null,
  kind text not null check (kind in ('poster', 'viewer', 'operator', 'pool', 'scaler')),
  posters text[],
  share real not null default 1 check (share between 0.01 and 100),
  max_open integer check (max_open > 0),
  max_argument_bytes integer check (max_argument_bytes > 0),
  max_result_bytes integer check (max_result_bytes > 0),
  max_output_bytes integer check (max_output_bytes >= 0),
  primary key (role, kind),
  constraint t5_of_its_kind check (
    case kind when 'poster' then posters is null
              else (posters is null or kind = 'pool') and share = 1
                and coalesce(max_open, max_argument_bytes, max_result_bytes, max_output_bytes)
                  is null end)
);
comment on table pdoflow.grantee is
'One row: a kind that was granted to a role and its members. A role can have several kinds.
apply_grants derives the grants of the server from these rows.
  T1  posters lists the roles whose jobs a pool of this role can run, in addition to its own jobs;
      null means all roles.
  T2  At the same priority posters take turns: each claim of a pool serves the next poster. If two
      posters always have waiting jobs, the one with twice the share gets twice the claims.
  T3  A poster can have at most max_open unfinished postings, and no argument list of more than
      max_argument_bytes; null means no limit. If several rows apply to a role, the largest limit
      applies.
  T4  For each job of a poster, a result of up to max_result_bytes is kept, and up to
      max_output_bytes each of stdout and stderr. The limits at the time of posting apply.
  T5  Only a poster has a share and limits, and only a pool has posters.';
