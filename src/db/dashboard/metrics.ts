import * as v from "valibot";

import { histogramOf } from "./histogram.ts";
import { parse } from "../../domain/parse.ts";
import type { Metrics } from "./top-snapshot.ts";
import type { Db, Tx } from "../connection/connect.ts";
import { readOne } from "./read-one.ts";

const count = v.number();

const Row = v.object({
  minutes: v.array(v.object({ ended: count, failed: count })),
  waits: v.array(count),
  durations: v.array(count),
  depth: count,
  retrying: count,
  refused: count,
  tables: v.array(v.object({ name: v.string(), bytes: count, rows: count })),
});

/** Reads the metrics: of the last hour as pools reported them, and of now. */
export async function readMetrics(db: Db): Promise<Metrics> {
  const found = parse(Row, await readOne(db, (tx) => metricsQuery(tx, db)), "the figures");
  const { minutes, waits, durations, ...rest } = found;
  return {
    ...rest,
    endedByMinute: minutes.map(({ ended }) => ended),
    failedByMinute: minutes.map(({ failed }) => failed),
    latency: histogramOf(waits),
    duration: histogramOf(durations),
    sampled: waits.reduce((sum, part) => sum + part, 0),
  };
}

/** Row counts of tables are the planner's estimates: counting would read every row. */
const metricsQuery = (sql: Tx, { schema, target }: Db) => sql<{ value: unknown }[]>`
  with hour as (
    select minute, sum(done) as done, sum(failed) as failed from ${schema}.tally
    where minute > now() - interval '1 hour' group by minute),
  added as (
    select position, sum(wait) as waits, sum(duration) as durations
    from ${schema}.tally cross join lateral unnest(waits, durations)
      with ordinality as u (wait, duration, position)
    where minute > now() - interval '1 hour' group by position)
  select json_build_object(
    'minutes', (
      select json_agg(json_build_object('ended', coalesce(done + failed, 0),
                                        'failed', coalesce(failed, 0)) order by m.minute)
      from generate_series(date_trunc('minute', now()) - interval '59 min',
                           date_trunc('minute', now()), interval '1 min') as m (minute)
        left join hour on hour.minute = m.minute),
    'waits', (select coalesce(json_agg(waits order by position), '[]') from added),
    'durations', (select coalesce(json_agg(durations order by position), '[]') from added),
    'depth', (
      select coalesce(sum(job_count), 0) from ${schema}.posting where ended_at is null) - (
      select coalesce(sum(done + failed + cancelled + retrying), 0) from ${schema}.progress),
    'retrying', (select coalesce(sum(retrying), 0) from ${schema}.progress),
    'refused', (
      select coalesce(sum(refused), 0) from ${schema}.pool
      where refused > 0 and heartbeat_at > now() - interval '1 day'),
    'tables', (
      select coalesce(json_agg(json_build_object('name', name, 'bytes', bytes, 'rows', rows)
                               order by bytes desc), '[]')
      from (
        select regexp_replace(c.relname, '_[0-9]+$', '') as name,
               sum(pg_total_relation_size(c.oid)) as bytes,
               sum(greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))) as rows
        from pg_class c
        where c.relnamespace = (
          select relnamespace from pg_class where oid = ${`${target.schema}.posting`}::regclass)
          and c.relkind = 'r'
        group by 1) t)) as value`;
