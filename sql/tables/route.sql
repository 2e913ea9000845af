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
'One row: a poster, the capabilities that its jobs need, and the project of their code. A pool
determines the routes that it can serve and only claims from their lanes, so a claim never scans
lanes that it cannot run.
  R1  A route never changes. Prune deletes it when no posting uses it (R3).
  R2  If run is not empty, only the pool of the "pdoflow run" that created it serves the route,
      and that pool serves no other: none of another poster who uses the same text, either.
  R3  The route of each posting exists. A foreign key would read all postings for each deleted
      route; instead, posting locks the row, and prune checks again after it has locked it.
  R4  If project is not empty, only pools of that project and pools of all projects serve the
      route.';
-- Serves: the route of a run; the routes of no run, if they are few.
create index route_run on pdoflow.route (run) where run <> '';
create index route_of_no_run on pdoflow.route (id) where run = '';

-- Visible are the routes of the caller, routes that its pools can run, and all routes for roles
-- that see or run everything. A function in "(select f())" is called once per statement, not once
-- per row.
alter table pdoflow.route enable row level security;
create policy seen on pdoflow.route for select using (
  (select pdoflow.reads_all())
  or id = any ((select pdoflow.own_routes())::integer[])
  or id = any ((select pdoflow.run_routes())::integer[]));
