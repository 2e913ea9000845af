-- What attempts used (U8), for postings and over time.

-- What all attempts at the jobs of a posting used, in one row; no row if the caller can see no such
-- posting. Times are sums. "measured" attempts have a CPU time, and took measured_ms in all.
--   peaks  [[bytes, attempts], ...]: the attempts with a peak of at most these bytes, and more than
--          those before; four steps for each doubling
--   cores  [[cores, ms], ...]: the time of attempts that used at most this number of cores on
--          average, and more than the number before, in steps of a tenth; for measured ones of 50
--          ms or longer
-- One step of the index, and then all runs of the posting.
create function pdoflow.posting_usage(
  p_posting bigint, out attempts bigint, out measured bigint, out wall_ms double precision,
  out measured_ms double precision, out cpu_user_ms double precision,
  out cpu_system_ms double precision, out peak_bytes bigint, out read_bytes bigint,
  out written_bytes bigint, out peaks jsonb, out cores jsonb
) returns setof record language plpgsql stable
security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform from pdoflow.posting p where p.id = p_posting
    and (pdoflow.sees_all() or p.route_id = any (pdoflow.own_routes()));
  if not found then return; end if;
  return query
    with run as materialized (
      select o.end_seq - o.first_seq as jobs, cardinality(o.usage) = 5 as is_together,
             cardinality(o.usage) > 5 as is_apart, o.usage,
             case when o.end_seq - o.first_seq = 1 then o.durations_us[1]
                  else (select sum(d) from unnest(o.durations_us) d) end
               / 1000.0::double precision as ms,
             case when cardinality(o.usage) > 5 then o.durations_us end as durations
      from pdoflow.outcome_run o where o.posting_id = p_posting),
    -- An attempt, or attempts that were measured together.
    part as (
      select jobs, ms, usage[1]::double precision / 1000 as user_ms,
             usage[2]::double precision / 1000 as system_ms, usage[3]::double precision as peak,
             usage[4]::double precision as bytes_read, usage[5]::double precision as bytes_written
      from run where is_apart is not true
      union all
      select 1, duration_us / 1000.0::double precision, user_us::double precision / 1000,
             system_us::double precision / 1000, peak, bytes_read, bytes_written
      from run cross join lateral rows from (
          unnest(durations), unnest(usage[1:jobs]), unnest(usage[jobs + 1:2 * jobs]),
          unnest(usage[2 * jobs + 1:3 * jobs]), unnest(usage[3 * jobs + 1:4 * jobs]),
          unnest(usage[4 * jobs + 1:5 * jobs]))
        as u (duration_us, user_us, system_us, peak, bytes_read, bytes_written)
      where is_apart),
    -- Steps of equal ratio, and of a tenth of a core.
    step as (
      select p.*, ceil(4 * ln(nullif(peak, 0)) / ln(2)) as peak_step,
             case when ms >= 50 * jobs then greatest(ceil(10 * (user_ms + system_ms) / ms), 1) end
               as core_step
      from part p),
    grouped as (
      select peak_step, core_step, sum(jobs) as jobs,
             sum(jobs) filter (where user_ms is not null) as measured, sum(ms) as ms,
             sum(ms) filter (where user_ms is not null) as measured_ms, sum(user_ms) as user_ms,
             sum(system_ms) as system_ms, max(peak) as peak, sum(bytes_read) as bytes_read,
             sum(bytes_written) as bytes_written
      from step group by peak_step, core_step)
    select coalesce(sum(jobs), 0)::bigint, coalesce(sum(measured), 0)::bigint,
           coalesce(sum(ms), 0), coalesce(sum(measured_ms), 0), sum(user_ms), sum(system_ms),
           max(peak)::bigint, sum(bytes_read)::bigint, sum(bytes_written)::bigint,
           (select coalesce(jsonb_agg(jsonb_build_array(round(2 ^ (peak_step / 4)), jobs)
                                      order by peak_step), '[]')
            from (select peak_step, sum(jobs) as jobs from grouped
                  where peak_step is not null group by peak_step) p),
           (select coalesce(jsonb_agg(jsonb_build_array(core_step / 10, ms) order by core_step),
                            '[]')
            from (select core_step, sum(ms) as ms from grouped
                  where core_step is not null group by core_step) c)
    from grouped;
end $$;
