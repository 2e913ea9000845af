create table pdoflow.pool (
  id bigint primary key default (random() * 2 ^ 52)::bigint,
  number bigint not null generated always as identity unique,
  host text not null,
  pid integer not null,
  version text not null,
  schema_version integer not null default 1,
  role text not null default session_user,
  os_user text not null,
  slots integer not null,
  provides jsonb not null default '{}',
  posters text[],
  project text check (project <> ''),
  postings text[],
  state text not null default 'up' check (state in ('up', 'draining', 'stopped', 'lost')),
  heartbeat_timeout_ms integer not null default 15000,
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  running jsonb not null default '[]',
  listens boolean not null default false,
  refused bigint not null default 0,
  serves_all boolean not null default true,
  busy integer,
  free jsonb,
  recent integer[],
  constraint w_recent_short check (cardinality(recent) <= 60),
  constraint o7_bounds check (
    slots between 0 and 1024 and heartbeat_timeout_ms between 1 and 86400000),
  constraint w_short check (
    length(host) <= 255 and length(version) <= 100 and length(role) <= 63
    and length(os_user) <= 100 and octet_length(provides::text) <= 4000
    and octet_length(posters::text) <= 100000 and octet_length(running::text) <= 1048576
    and octet_length(free::text) <= 4000
    and octet_length(project) <= 1000 and octet_length(postings::text) <= 100000)
);
comment on table pdoflow.pool is
'One row: one pool process. Updated by its heartbeats, and by a pool that rescues its jobs.
  O1  A stopped or lost pool never comes up again; a restarted process is a new row.
  O2  running lists the jobs that had already run for a while at the last heartbeat: [{"posting":
      42, "seq": 7, "attempt": 1, "ms": 1200}], with ms the time that it had run. If a job has
      reported its progress, the element also has "progress" (0 to 1) and "note" (a text or null).
  O3  It is alive while its last heartbeat is younger than heartbeat_timeout_ms, by the clock of
      the database (rule 9).
  O4  refused counts the outcomes that arrived after their lease had ended.
  O5  Only a pool that listens is notified of postings (rule 8). A pool that found no jobs first
      reports that it listens, and then checks once more. It reports with a later heartbeat that it
      stopped listening.
  O6  If project is not null, the pool only runs postings of this project and postings without a
      project (R4).
  O7  It has at most 1024 slots and a heartbeat timeout of at most a day.
  O8  serves_all: its role can run the jobs of all roles. Any other pool has no influence on the
      number of jobs that pools of other roles claim.
  O9  If postings is not null, the pool only runs these postings: a number such as 42, or a name
      such as @night.
  O10 Its id is drawn at random, so it is never that of another pool. A failover may lose the newest
      rows, and the server then gives their numbers again: a pool whose row was lost must not take
      a row with the same number for its own. Leases and calls have the id, people the number.';
comment on column pdoflow.pool.schema_version is
'The version of the schema that its program was made for.';
comment on column pdoflow.pool.busy is
'Number of its workers that had a job at the last heartbeat; null before its first report.';
comment on column pdoflow.pool.free is
'The amounts of its counted resources that no job had at the last heartbeat, such as {"cpus": 3,
"gpu": 0.5}; null before its first report.';
comment on column pdoflow.pool.recent is
'Number of attempts that ended in each of the 60 seconds before the last heartbeat, oldest first.';
-- Serves: heartbeats and rescue, the pools that should be alive.
create index pool_alive on pdoflow.pool (id) where state in ('up', 'draining');
-- Serves: posting, whether a pool waits (O5). Of a thousand busy pools none is read.
create index pool_waiting on pdoflow.pool (id) where listens and state in ('up', 'draining');
