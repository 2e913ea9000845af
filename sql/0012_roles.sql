-- Who may see and do what (docs/security.md). Nobody but the owner of the schema writes its tables:
-- all others call functions that run as the owner (security definer), and check who calls. What
-- they read of tables is cut down by policies. The owner's own statements are bound by none of it.
--
-- Each function that others may call has a fixed search_path, or a body that was read when it was
-- made (begin atomic, return): no name in it is looked up in a schema of the caller's.

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

-- Who calls: the role of SET ROLE, else that of the log-in. Not current_user, which is the owner in
-- functions that run as the owner. Only a member of a role can SET ROLE to it.
create function pdoflow.caller() returns text language sql stable
return case current_setting('role') when 'none' then session_user::text
            else current_setting('role') end;

create function pdoflow.is_owner() returns boolean language sql stable
return pg_has_role(pdoflow.caller()::name,
                   (select relowner from pg_class where oid = 'pdoflow.posting'::regclass),
                   'usage');

-- The rows that hold for a role; of a role that is not there (any more), none.
create function pdoflow.grants_of(p_role text) returns setof pdoflow.grantee
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select g.* from pdoflow.grantee g join pg_roles r on r.rolname = p_role
  where pg_has_role(r.oid, g.role, 'usage')
$$;

create function pdoflow.has_grant(variadic p_kinds text[]) returns boolean language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select pdoflow.is_owner() or exists (
    select from pdoflow.grants_of(pdoflow.caller()) where kind = any (p_kinds))
$$;

-- Whether the caller sees all postings and what came of them.
create function pdoflow.sees_all() returns boolean language sql stable
security definer set search_path = pg_catalog, pg_temp as
$$ select pdoflow.has_grant('viewer', 'operator') $$;

-- Whether the caller runs pools for everybody (T1).
create function pdoflow.runs_all() returns boolean language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select pdoflow.is_owner() or exists (
    select from pdoflow.grants_of(pdoflow.caller()) where kind = 'pool' and posters is null)
$$;

-- The routes of the caller's own postings.
create function pdoflow.own_routes() returns integer[] language sql stable
security definer set search_path = pg_catalog, pg_temp as
$$ select array(select id from pdoflow.route where poster = pdoflow.caller()) $$;

-- Whose jobs a pool of the caller's may run, where it may not run all: T1.
create function pdoflow.run_posters() returns text[] language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  with serving as (
    select posters from pdoflow.grants_of(pdoflow.caller()) where kind = 'pool')
  select array(
    select unnest(posters) from serving
    union all select pdoflow.caller() where exists (select from serving))
$$;

-- The routes of these.
create function pdoflow.run_routes() returns integer[] language sql stable
security definer set search_path = pg_catalog, pg_temp as
$$ select array(select id from pdoflow.route where poster = any (pdoflow.run_posters())) $$;

-- Own postings, those that the caller's pools may run, and all for those who see or run all. A
-- function in "(select f())" is called once in a statement, not once for each row.
alter table pdoflow.route enable row level security;
create policy seen on pdoflow.route for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or id = any ((select pdoflow.own_routes())::integer[])
  or id = any ((select pdoflow.run_routes())::integer[]));
alter table pdoflow.posting enable row level security;
create policy seen on pdoflow.posting for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or route_id = any ((select pdoflow.own_routes())::integer[])
  or route_id = any ((select pdoflow.run_routes())::integer[]));
alter table pdoflow.lane enable row level security;
create policy seen on pdoflow.lane for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or route_id = any ((select pdoflow.own_routes())::integer[])
  or route_id = any ((select pdoflow.run_routes())::integer[]));
-- By the policy of posting, looked up for each row: without "offset 0" all postings may be read for
-- it. The jobs of a lease are all of one route.
alter table pdoflow.job enable row level security;
create policy seen on pdoflow.job for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
alter table pdoflow.progress enable row level security;
create policy seen on pdoflow.progress for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_id offset 0));
alter table pdoflow.lease enable row level security;
create policy seen on pdoflow.lease for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or exists (select from pdoflow.posting p where p.id = posting_ids[1] offset 0));
-- What came of jobs is seen by those whose they are, not by whose pools ran them.
alter table pdoflow.outcome enable row level security;
create policy seen on pdoflow.outcome for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p
    where p.id = posting_id and p.route_id = any ((select pdoflow.own_routes())::integer[])
    offset 0));
alter table pdoflow.retry enable row level security;
create policy seen on pdoflow.retry for select using (
  (select pdoflow.sees_all()) or route_id = any ((select pdoflow.own_routes())::integer[]));
alter table pdoflow.permit enable row level security;
create policy seen on pdoflow.permit for select using (
  (select pdoflow.sees_all()) or exists (
    select from pdoflow.posting p where p.id = posting_id offset 0));

-- A variable is its poster's own, or everybody's ('').
create table pdoflow.variable (
  name text not null,
  value jsonb not null,
  updated_at timestamptz not null default now(),
  owner text not null default '',
  primary key (owner, name),
  constraint w_short check (
    length(name) <= 200 and length(owner) <= 63 and octet_length(value::text) <= 1048576)
);
comment on table pdoflow.variable is
'One row: a value that people and programs share by the queue. pdoflow itself reads none of them.
  V1  What an operator or the owner of the schema sets is everybody''s (owner is empty). What a
      poster sets is theirs alone, and comes before everybody''s of the same name for them.';
alter table pdoflow.variable enable row level security;
create policy seen on pdoflow.variable for select using (
  owner = '' or owner = (select pdoflow.caller()));

-- Which jobs a pool has had in hand for a while (O2), of those that the caller may see.
create function pdoflow.running_jobs(p_pool bigint) returns jsonb language sql stable
security definer set search_path = pg_catalog, pg_temp as $$
  select case when pdoflow.sees_all() then p.running else coalesce((
    select jsonb_agg(j.value)
    from jsonb_array_elements(p.running) as j (value)
      join pdoflow.posting o on o.id = (j.value ->> 'posting')::bigint
    where o.route_id = any (pdoflow.own_routes())), '[]') end
  from pdoflow.pool p where p.id = p_pool
$$;

-- What each job is right now, derived: nothing stores it. Read it for one job or a page of jobs. It
-- reads as the owner, so it has its own condition.
create view pdoflow.job_status with (security_barrier) as
select j.posting_id, j.seq, coalesce(j.index, j.seq) as index,
  case
    when o.state in ('done', 'cancelled') then o.state::text
    when r.attempt > 1 then 'retrying'
    when r.attempt = 1 then 'waiting'
    -- A failed job runs where it was retried by hand, which it can't be if all have ended (U2).
    when p.ended_at is null
         and exists (select from pdoflow.lease l cross join lateral
                       unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
                         as u (posting_id, first_seq, end_seq, attempt)
                     where l.active and u.posting_id = j.posting_id
                       and u.first_seq <= j.seq and j.seq < u.end_seq
                       and u.attempt > coalesce(o.attempt, 0)) then 'running'
    when o.state = 'failed' then 'failed'
    when p.state = 'cancelled' then 'cancelled'
    else 'waiting'
  end as status,
  coalesce(o.attempt, 0) as attempts, j.args, o.result, o.error, o.ended_at, o.duration_ms
from pdoflow.job j
  join pdoflow.posting p on p.id = j.posting_id
  left join lateral (
    select * from pdoflow.outcome o where o.posting_id = j.posting_id and o.seq = j.seq
    order by o.attempt desc limit 1) o on true
  left join lateral (
    -- Ranges do not overlap: only the last one that begins before the job can hold it.
    select x.attempt from (
      select attempt, end_seq from pdoflow.retry
      where posting_id = j.posting_id and first_seq <= j.seq order by first_seq desc limit 1) x
    where j.seq < x.end_seq) r on true
where (select pdoflow.sees_all()) or p.route_id = any ((select pdoflow.own_routes())::integer[]);
