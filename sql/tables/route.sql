create table pdoflow.route (
  id integer generated always as identity primary key,
  poster text not null,
  poster_os text not null,
  needs jsonb not null default '[]',
  run text not null default '',
  project text not null default '' check (project <> '*'),
  unique (poster, poster_os, needs, run, project),
  constraint w_short check (
    length(poster) <= 63 and octet_length(poster_os) <= 100 and octet_length(run) <= 100
    and octet_length(needs::text) <= 1000 and octet_length(project) <= 1000)
);
comment on table pdoflow.route is
'One row: who posts, what their jobs need of a pool, and whose code they are. A pool finds out which
routes it may serve and claims among the lanes of those, so a claim never walks past lanes that it
may not run.
  R1  A route never changes. Prune deletes it when no posting has it (R3).
  R2  Where run is not empty, only the pool of the "pdoflow run" that made it serves the route, and
      that pool serves no other.
  R3  Each posting''s route is there. No foreign key sees to that: it would read all postings for
      each route that is deleted. Whoever posts locks the row, and prune looks after its own lock.
  R4  Where project is not empty, only pools of that project serve the route, and pools of any.';
-- Serves: the route of a run; those of no run, if they are few.
create index route_run on pdoflow.route (run) where run <> '';
create index route_of_no_run on pdoflow.route (id) where run = '';

-- Own postings, those that the caller's pools may run, and all for those who see or run all. A
-- function in "(select f())" is called once in a statement, not once for each row.
alter table pdoflow.route enable row level security;
create policy seen on pdoflow.route for select using (
  (select pdoflow.sees_all()) or (select pdoflow.runs_all())
  or id = any ((select pdoflow.own_routes())::integer[])
  or id = any ((select pdoflow.run_routes())::integer[]));
