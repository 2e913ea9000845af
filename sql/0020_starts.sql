-- Postings that start later (P8).

-- Opens the lanes of postings whose time has come, and tells pools. Every pool calls this now and
-- then; of several at the same moment each posting is opened by one.
create function pdoflow.start_due(p_routes integer[] default null) returns integer
language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_ids bigint[];
begin
  v_ids := array(select id from pdoflow.posting
                 where run_at <= now() and state = 'open'
                   and (p_routes is null or route_id = any (p_routes))
                 order by run_at limit 1000 for no key update skip locked);
  if cardinality(v_ids) = 0 then return 0; end if;
  update pdoflow.posting set run_at = null where id = any (v_ids);
  update pdoflow.lane set state = 'open' where posting_id = any (v_ids) and state = 'paused';
  perform pdoflow.wake(v_ids[1]);
  return cardinality(v_ids);
end $$;

create function pdoflow.pool_start_due() returns integer language plpgsql
security definer set search_path = pg_catalog, pg_temp as
$$ begin return pdoflow.start_due(pdoflow.upkeep_routes()); end $$;

-- In how many ms the next retry is due, and the next posting that starts later; nulls where there
-- is none.
create function pdoflow.pool_next_ms(
  p_routes integer[], p_skip bigint[], out retry_ms double precision, out start_ms double precision
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  retry_ms := pdoflow.next_retry_ms(pdoflow.served(p_routes), p_skip);
  select extract(epoch from run_at - now()) * 1000 into start_ms from pdoflow.posting
  where run_at is not null and state = 'open'
    and (pdoflow.runs_all() or route_id = any (pdoflow.run_routes()))
  order by run_at limit 1;
end $$;

select pdoflow.apply_grants();
