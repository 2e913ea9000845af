import * as v from "valibot";

import { parse } from "../../domain/parse.ts";
import { liveStates } from "../../domain/states.ts";
import type { Db, Tx } from "../connection/connect.ts";
import { isSilent } from "../connection/live-pools.ts";
import { readOne } from "./read-one.ts";

const count = v.number();

const Figures = v.object({
  /** Unfinished postings by state. */
  postings: v.record(v.picklist(liveStates), count),
  /**
   * Unfinished jobs. Waiting ones of paused and stopped postings are `paused`, of postings that
   * wait for others `upstream`, or `blocked`.
   */
  jobs: v.object({
    ...{ waiting: count, running: count, retrying: count },
    ...{ paused: count, upstream: count, blocked: count },
  }),
  /** How long the oldest posting with jobs that could be claimed has waited; 0 if there is none. */
  oldestWaitSeconds: count,
  /** Live pools. Silent ones have had no heartbeat for their heartbeat timeout. */
  pools: v.object({ up: count, draining: count, silent: count }),
  /** Worker slots of pools that are up or draining, and the busy ones at their last heartbeats. */
  slots: v.object({ busy: count, idle: count }),
  /** How late schedules are, the latest first: 0 for the others. */
  schedules: v.array(v.object({ name: v.string(), lagSeconds: count })),
  /** The fires of the last ten minutes; a run of missed times is one. */
  fires: v.array(v.object({ key: v.string(), outcome: v.string(), times: count })),
  /** The age of the oldest transaction that keeps vacuum from removing rows; 0 if there is none. */
  oldestSnapshotSeconds: count,
});

/** The figures of a queue for monitoring: they cost the open postings, not their jobs. */
export type QueueFigures = v.InferOutput<typeof Figures>;

/** Reads all of them with one statement, which the server cancels after `timeoutMs`. */
export const readQueueFigures = async (db: Db, timeoutMs: number): Promise<QueueFigures> =>
  parse(
    Figures,
    await readOne(db, (tx) => figuresQuery(tx, db), timeoutMs),
    "the figures of the queue",
  );

/** Of waiting postings, the oldest 1,000 are checked for being blocked, which takes time. */
const figuresQuery = (sql: Tx, { schema }: Pick<Db, "schema">) => sql<{ value: unknown }[]>`
  with blocked as materialized (
    select id from ${schema}.blocked_of(array(
      select id from ${schema}.posting
      where ended_at is null and waits and state = 'open' order by id limit 1000)) as b (id)),
  open as materialized (
    select p.waiting, p.running, p.retrying,
           case when p.state <> 'open' or not p.waits then p.state
                when p.id in (select id from blocked) then 'blocked' else 'waiting' end as state
    from ${schema}.postings p where p.ended_at is null),
  live as materialized (
    select state, slots, coalesce(busy, 0) as busy, ${isSilent(sql)} as is_silent
    from ${schema}.pool where state in ('up', 'draining'))
  select json_build_object(
    'postings', (
      select coalesce(json_object_agg(state, postings), '{}')
      from (select state, count(*) as postings from open group by state) by_state),
    'jobs', (
      select json_build_object(
        'waiting', coalesce(sum(waiting) filter (where state = 'open'), 0),
        'running', coalesce(sum(running), 0),
        'retrying', coalesce(sum(retrying) filter (where state = 'open'), 0),
        'paused', coalesce(
          sum(waiting + retrying) filter (where state in ('paused', 'errored_out')), 0),
        'upstream', coalesce(sum(waiting + retrying) filter (where state = 'waiting'), 0),
        'blocked', coalesce(sum(waiting + retrying) filter (where state = 'blocked'), 0))
      from open),
    'oldestWaitSeconds', (
      select coalesce(greatest(extract(epoch from now() - min(greatest(p.posted_at, p.started_at, (
        select max(met_at) from ${schema}.edge where posting_id = p.id)))), 0), 0)
      from ${schema}.lane l join ${schema}.posting p on p.id = l.posting_id
      where l.state = 'open'),
    ${poolPart(sql)}
    ${schedulePart(sql, schema)}
    'oldestSnapshotSeconds', (
      select coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0)
      from pg_stat_activity
      where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
        and (datname = current_database() or datname is null))) as value`;

/** Of the CTE `live`. */
const poolPart = (sql: Tx) => sql`
  'pools', (
    select json_build_object(
      'up', count(*) filter (where state = 'up' and not is_silent),
      'draining', count(*) filter (where state = 'draining' and not is_silent),
      'silent', count(*) filter (where is_silent)) from live),
  'slots', (
    select json_build_object('busy', coalesce(sum(busy), 0),
                             'idle', coalesce(sum(greatest(slots - busy, 0)), 0))
    from live where not is_silent),`;

const schedulePart = (sql: Tx, schema: Db["schema"]) => sql`
  'schedules', (
    select coalesce(json_agg(json_build_object('name', name, 'lagSeconds', lag)
                             order by lag desc, name), '[]')
    from (
      select name, max(case when is_paused then 0 else coalesce(greatest(
               extract(epoch from now() - fires_at), 0), 0) end) as lag
      from ${schema}.schedules group by name) s),
  'fires', (
    select coalesce(json_agg(json_build_object(
      'key', concat_ws(' ', poster, name, extract(epoch from nominal_at)),
      'outcome', outcome, 'times', times)), '[]')
    from ${schema}.fires where fired_at > now() - interval '10 min'),`;
