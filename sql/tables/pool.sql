create table pdoflow.pool (
  id bigint generated always as identity primary key,
  host text not null,
  pid integer not null,
  version text not null,
  role text not null default session_user,
  os_user text not null,
  slots integer not null,
  provides jsonb not null default '{}',
  posters text[],
  project text check (project <> ''),
  state text not null default 'up' check (state in ('up', 'draining', 'stopped', 'lost')),
  heartbeat_timeout_ms integer not null default 15000,
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now(),
  running jsonb not null default '[]',
  listens boolean not null default false,
  refused bigint not null default 0,
  serves_all boolean not null default true,
  busy integer,
  recent integer[],
  constraint w_recent_short check (cardinality(recent) <= 60),
  constraint o7_bounds check (slots between 0 and 1024 and heartbeat_timeout_ms between 1 and
    86400000),
  constraint w_short check (
    length(host) <= 255 and length(version) <= 100 and length(role) <= 63
    and length(os_user) <= 100 and octet_length(provides::text) <= 4000
    and octet_length(posters::text) <= 100000 and octet_length(running::text) <= 1048576
    and octet_length(project) <= 1000)
);
comment on table pdoflow.pool is
'One row: one pool process. Updated by its heartbeat alone, or by the pool that rescues it.
  O1  A pool that is stopped or lost never comes up again; a restarted process is a new row.
  O2  running lists the jobs that its workers had in hand at the last beat, those that had been
      running for a while: [{"posting": 42, "seq": 7, "attempt": 1}]. Where a job has told how far
      it is, "progress" (0 to 1) and "note" (a text, or null) say so.
  O3  It is alive as long as its last beat is younger than heartbeat_timeout_ms, by the
      database''s clock (rule 9).
  O4  refused counts the outcomes that came after their lease had been let go.
  O6  project is the project whose postings it runs, beside those of none (R4); null: any.
  O7  It has at most 1024 slots and a heartbeat timeout of at most a day.
  O8  serves_all: its role may run everybody''s jobs. Any other pool has no say in how many jobs the
      pools of other roles claim.
  O5  Only where a pool listens is one told of a posting (rule 8). A pool that has found nothing
      says that it listens and then looks once more; that it does not, it says with a later beat.';
comment on column pdoflow.pool.busy is
'How many of its workers had a job in hand at the last beat; null before it was told.';
comment on column pdoflow.pool.recent is
'How many attempts ended in each of the 60 seconds before the last beat, the oldest first.';
-- Serves: beat and rescue, the pools that should be alive.
create index pool_alive on pdoflow.pool (id) where state in ('up', 'draining');
