-- Functions that pools call to get jobs, and to refuse postings.

create function pdoflow.pool_claim(
  p_pool bigint, p_options pdoflow.claim_options, p_read_limit integer
) returns setof pdoflow.claimed_jobs
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  if p_options.slack_ms not between 0 and 60000 then
    raise exception 'expected 0 to 60000 ms of slack, found %', p_options.slack_ms
      using errcode = 'PF002';
  end if;
  p_options.routes := pdoflow.served(p_options.routes);
  return query select * from pdoflow.claim_jobs(p_pool, p_options, p_read_limit);
end $$;

-- As claim_single, for a posting that the pools of the caller can run.
create function pdoflow.pool_claim_single(p_pool bigint, p_posting bigint, p_routes integer[])
returns setof pdoflow.claimed_jobs
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  return query
    select * from pdoflow.claim_single(p_pool, p_posting, pdoflow.served(p_routes));
end $$;

-- The properties that a pool needs to run the jobs of postings, for postings that the caller can
-- run.
create function pdoflow.pool_runnable(p_postings bigint[]) returns table (posting json)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return query
    select r.posting from pdoflow.runnable r
    where r.id = any (p_postings) and (pdoflow.runs_all() or exists (
      select from pdoflow.posting p
      where p.id = r.id and p.route_id = any (pdoflow.run_routes())));
end $$;

-- The signatures of postings that the pools of the caller can run, with options that runnable does
-- not contain.
create function pdoflow.pool_signatures(p_postings bigint[]) returns table (
  posting_id bigint, statement text, key_id text, signature text, blocks text,
  max_running integer, rate_count integer, rate_ms integer
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
    select s.posting_id, s.statement, s.key_id, s.signature, s.blocks,
           p.max_running, p.rate_count, p.rate_ms
    from pdoflow.signature s join pdoflow.posting p on p.id = s.posting_id
    where s.posting_id = any (p_postings)
      and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()));
end $$;

-- The arguments of a range of jobs, and their indexes, as stored now. Returns nothing if the pools
-- of the caller cannot run the posting.
create function pdoflow.pool_block(
  p_posting bigint, p_first integer, p_end integer
) returns table (args text, indices text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    select string_agg(pdoflow.lines_of(
             b.args, b.sweep, b.first_seq, b.end_seq, p_first, p_end), e'\n'
                      order by b.first_seq),
           string_agg(i.indices, ',' order by b.first_seq)
    from pdoflow.job b cross join lateral (
      select string_agg(coalesce(b.indexes[seq - b.first_seq + 1], seq)::text, ',' order by seq)
        as indices
      from generate_series(greatest(b.first_seq, p_first), least(b.end_seq, p_end) - 1) as s (seq)
      ) i
    where b.posting_id = p_posting and b.first_seq >= pdoflow.block_of(p_posting, p_first)
      and b.first_seq < p_end
      and exists (select from pdoflow.posting p where p.id = p_posting
                  and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes())));
end $$;

-- Records that a pool refuses postings that the pools of the caller can run, and returns the oldest
-- refusal of each.
create function pdoflow.pool_refuse(p_pool bigint, p_postings bigint[], p_reasons text[])
returns table (posting_id bigint, oldest bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  insert into pdoflow.refusal as f (posting_id, host, pool_id, pool_ids, reason)
  select p.id, o.host, p_pool, array[p_pool], left(min(r.reason), 1000)
  from unnest(p_postings, p_reasons) as r (id, reason)
    join pdoflow.posting p on p.id = r.id join pdoflow.pool o on o.id = p_pool
  -- By id first: a join would read all postings that have not ended.
  where p.id = any (p_postings) and r.reason is not null and p.ended_at is null
    and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()))
    and (10 > (select count(*) from pdoflow.refusal x where x.posting_id = p.id)
         or exists (select from pdoflow.refusal x where x.posting_id = p.id and x.host = o.host))
  group by p.id, o.host order by p.id -- in the order of clear_refusals
  on conflict (posting_id, host) do update
  set pool_id = excluded.pool_id,
      pool_ids = (array_remove(f.pool_ids, excluded.pool_id) || excluded.pool_id)
                 [greatest(cardinality(f.pool_ids) - 18, 1):],
      reason = excluded.reason, refused_at = excluded.refused_at;
  return query select f.posting_id, min(f.id) from pdoflow.refusal f
    where f.posting_id = any (p_postings) group by f.posting_id;
end $$;

-- Retracts the refusals of a pool for postings that it runs after all.
create function pdoflow.pool_retract(p_pool bigint, p_postings bigint[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
begin
  perform pdoflow.require_pool(p_pool);
  -- In the order of pool_refuse.
  perform from pdoflow.refusal
  where posting_id = any (p_postings) and p_pool = any (pool_ids) order by posting_id for update;
  update pdoflow.refusal set pool_ids = array_remove(pool_ids, p_pool)
  where posting_id = any (p_postings) and p_pool = any (pool_ids);
  delete from pdoflow.refusal where posting_id = any (p_postings) and pool_ids = '{}';
end $$;
