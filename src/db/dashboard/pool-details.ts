import * as v from "valibot";

import { formatProvided } from "../../domain/capabilities.ts";
import { parse } from "../../domain/parse.ts";
import { poolRowStates } from "../../domain/states.ts";
import type { Db } from "../connection/connect.ts";
import { readOne } from "./read-one.ts";
import { moment } from "./top-snapshot.ts";

const Row = v.object({
  id: v.number(),
  host: v.string(),
  pid: v.number(),
  state: v.picklist(poolRowStates),
  version: v.string(),
  role: v.string(),
  osUser: v.string(),
  slots: v.number(),
  provides: v.record(
    v.string(),
    v.union([v.literal(true), v.number(), v.string(), v.array(v.string())]),
  ),
  project: v.nullable(v.string()),
  /** The only postings that it runs, each as 42 or @night; null for all. */
  postings: v.nullable(v.array(v.string())),
  startedAt: moment,
  refused: v.number(),
  /** Jobs that had been running for a while at the last heartbeat. */
  running: v.array(
    v.object({
      postingId: v.number(),
      index: v.number(),
      attempt: v.number(),
      entryPoint: v.string(),
      /** From 0 to 1; null if the job reports no progress. */
      progress: v.nullable(v.number()),
      note: v.nullable(v.string()),
    }),
  ),
});

/** The process of a pool, and the jobs it runs. */
export interface PoolDetails extends Omit<v.InferOutput<typeof Row>, "provides"> {
  /** As `--resource` takes them, with spaces between them; empty for nothing. */
  provides: string;
}

/** Reads one pool with the jobs its last heartbeat reported; null if the pool was deleted. */
export async function readPoolDetails(db: Db, number: number): Promise<PoolDetails | null> {
  const { schema } = db;
  const found = await readOne(
    db,
    (sql) => sql<{ value: unknown }[]>`
      select (
        select json_build_object(
          'id', p.number, 'host', p.host, 'pid', p.pid, 'state', p.state, 'version', p.version,
          'role', p.role, 'osUser', p.os_user, 'slots', p.slots, 'provides', p.provides,
          'project', p.project, 'postings', p.postings, 'startedAt', p.started_at,
          'refused', p.refused,
          'running', (
            select coalesce(json_agg(json_build_object(
              'postingId', o.id,
              'index',
              case when o.is_sorted then ${schema}.index_of(o.id, r.seq) else r.seq end,
              'attempt', r.attempt, 'entryPoint', o.entry_point, 'progress', r.progress,
              'note', r.note)), '[]')
            from jsonb_to_recordset(${schema}.running_jobs(p.id))
                as r (posting bigint, seq integer, attempt integer, progress float8, note text)
              cross join lateral (
                select id, entry_point, is_sorted from ${schema}.posting
                where id = r.posting offset 0) o))
        from ${schema}.pool p where p.number = ${number}) as value`,
  );
  if (found === null) return null;
  const { provides, ...pool } = parse(Row, found, "the pool");
  const named = Object.entries(provides).map(([name, value]) => formatProvided(name, value));
  return { ...pool, provides: named.join(" ") };
}
