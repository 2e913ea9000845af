-- Counting pools.

create function pdoflow.census_lock() returns bigint language sql immutable as
$$ select hashtextextended('pdoflow.census', 0) $$;

-- The pools that claim the same jobs as the pools of the caller (O8) and had a heartbeat in the
-- last minute: their number, their slots, and how many of them wait for postings. Includes p_pool.
-- Up to 100 pools are counted each time; of more, the numbers are up to a second old, or five if a
-- transaction that counts is slow.
create function pdoflow.count_pools(
  p_pool bigint, out pools integer, out slots bigint, out waiting integer
) language plpgsql as $$
#variable_conflict use_column
declare
  v_counted_at timestamptz;
begin
  select min(c.counted_at), sum(c.pools), sum(c.slots), sum(c.waiting)
  into v_counted_at, pools, slots, waiting
  from pdoflow.census c where c.serves_all or c.role = pdoflow.caller();
  if v_counted_at > clock_timestamp() - interval '1 s'
     or v_counted_at > clock_timestamp() - interval '5 s'
        and not pg_try_advisory_xact_lock(pdoflow.census_lock()) then
    return;
  end if;
  select count(*), coalesce(sum(p.slots), 0), count(*) filter (where p.listens)
  into pools, slots, waiting
  from pdoflow.pool p
  where p.state in ('up', 'draining') and (p.id = p_pool or (
    p.state = 'up' and (p.serves_all or p.role = pdoflow.caller()) and pdoflow.has_beaten(p)));
  if (pools >= 100 or v_counted_at is not null)
     and pg_try_advisory_xact_lock(pdoflow.census_lock()) then
    delete from pdoflow.census;
    insert into pdoflow.census (role, serves_all, pools, slots, waiting)
    select p.role, p.serves_all, count(*), sum(p.slots), count(*) filter (where p.listens)
    from pdoflow.pool p
    where pools >= 100 and p.state = 'up' and pdoflow.has_beaten(p)
    group by p.role, p.serves_all;
  end if;
end $$;

-- Whether a pool had a heartbeat in the last minute, and is not about to be lost.
create function pdoflow.has_beaten(p pdoflow.pool) returns boolean language sql volatile as $$
  select p.heartbeat_at
           > clock_timestamp() - least(p.heartbeat_timeout_ms, 60000) * interval '1 ms'
$$;
