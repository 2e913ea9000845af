-- Notifications. Polling finds everything without them, only later (rule 8).

-- Listens on the channels of pools: 'posted' wakes those that are idle, 'changed' tells those that
-- run jobs of a posting that it was stopped.
create function pdoflow.listen() returns void language plpgsql as $$
begin
  listen "pdoflow.posted";
  listen "pdoflow.changed";
end $$;

-- Wakes pools that wait for something to do; to be called last in a transaction. Nothing is sent
-- where none waits: NOTIFY takes a lock on the whole database at commit (rule 8). A pool that says
-- at this moment that it listens looks once more after that, and then soon again.
create function pdoflow.wake(p_posting bigint) returns void language sql as $$
  select pg_notify('pdoflow.posted', p_posting::text)
  where exists (select from pdoflow.pool where state in ('up', 'draining') and listens)
$$;
