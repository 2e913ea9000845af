import type { Obstacle, StageStatus } from "../../domain/flow-status.ts";
import { jobStatuses, noJobs } from "../../domain/states.ts";
import { integers } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { type PostingCounts, readPostingCounts } from "./status.ts";

/** A flow, without its stages. */
export interface FlowRow {
  id: number;
  name: string;
  poster: string;
  posterOs: string;
  key: string | null;
  postedAt: Date;
}

/** Up to `most` flows before a number, the newest first. */
export const listFlows = ({ sql, schema }: Db, before: number, most: number) => sql<FlowRow[]>`
  select id, name, poster, poster_os, key, posted_at from ${schema}.flow
  where id < ${before} order by id desc limit ${most}`;

/** A flow with what its poster stored about it. */
export interface FlowDetails extends FlowRow {
  spec: unknown;
  /** The schedule that posted it, and the nominal time; null for none. */
  schedule: string | null;
  scheduledAt: Date | null;
}

/** Null if it does not exist. */
export async function readFlow({ sql, schema }: Db, id: number): Promise<FlowDetails | null> {
  const [row] = await sql<FlowDetails[]>`
    select f.id, f.name, f.poster, f.poster_os, f.key, f.posted_at, f.spec,
           p.schedule, p.scheduled_at
    from ${schema}.flow f left join lateral (
      select schedule, scheduled_at from ${schema}.posting
      where flow_id = f.id and schedule is not null order by id limit 1) p on true
    where f.id = ${id}`;
  return row ?? null;
}

type StageRow = Omit<StageStatus, "jobs"> & { flow: number };

/**
 * The stages of flows, by flow, in the order in which they were posted. A stage has the jobs of all
 * postings that its jobs have posted: it has ended when these have.
 */
export async function readStages(
  db: Db,
  flows: readonly number[],
): Promise<Map<number, StageStatus[]>> {
  const { sql, schema } = db;
  const rows = await sql<StageRow[]>`
    select p.flow_id as flow, p.stage, p.id, coalesce(p.command, p.entry_point) as entry_point,
           p.state, p.ended_at is not null as is_ended, p.waits, p.reason, p.job_count,
           p.if_blocked = 'hold' as is_held,
           coalesce((
             select json_agg(json_build_object(
               'upstreamId', e.upstream_id, 'kind', e.kind, 'isMet', e.met_at is not null)
               order by e.upstream_id, e.kind)
             from ${schema}.edge e where e.posting_id = p.id), '[]') as edges,
           '[]'::json as obstacles
    from ${schema}.stages_of(${integers(flows)}::bigint[]) p
    order by p.id`;
  const trees = await readTreeCounts(
    db,
    rows.map(({ id }) => id),
  );
  const waiting = rows.filter(({ waits, isEnded }) => waits && !isEnded);
  const obstacles = await readObstacles(
    db,
    waiting.map(({ id }) => id),
  );
  const stages = rows.map(({ flow, ...row }) => ({
    flow,
    stage: withTree({ ...row, jobs: noJobs, obstacles: obstacles.get(row.id) ?? [] }, trees),
  }));
  return new Map(
    flows.map((id) => [id, stages.filter(({ flow }) => flow === id).map(({ stage }) => stage)]),
  );
}

/** The counts of postings, and of all postings below each, by posting. */
async function readTreeCounts(
  db: Db,
  ids: readonly number[],
): Promise<ReadonlyMap<number, PostingCounts[]>> {
  const { sql, schema } = db;
  const members = await sql<{ root: number; id: number }[]>`
    select p.id as root, t.id from unnest(${integers(ids)}::bigint[]) as p (id)
      cross join lateral unnest(${schema}.tree_ids(p.id)) as t (id)`;
  const all = await readPostingCounts(
    db,
    members.map(({ id }) => id),
  );
  const byId = new Map(all.map((counts) => [counts.id, counts]));
  const trees = new Map(ids.map((id): [number, PostingCounts[]] => [id, []]));
  for (const { root, id } of members) {
    const counts = byId.get(id);
    if (counts) trees.get(root)?.push(counts);
  }
  return trees;
}

/** A stage with the jobs of its tree. */
function withTree(
  stage: StageStatus,
  trees: ReadonlyMap<number, readonly PostingCounts[]>,
): StageStatus {
  const tree = trees.get(stage.id) ?? [];
  const jobs = { ...noJobs };
  for (const one of tree) for (const status of jobStatuses) jobs[status] += one[status];
  return {
    ...stage,
    ...(tree.some(({ state }) => state === "errored_out") ? { state: "errored_out" } : {}),
    isEnded: stage.isEnded && tree.every(({ isEnded }) => isEnded),
    jobCount: jobStatuses.reduce((sum, status) => sum + jobs[status], 0),
    jobs,
  };
}

/** Why postings are blocked, by posting. */
async function readObstacles(
  { sql, schema }: Db,
  ids: readonly number[],
): Promise<Map<number, Obstacle[]>> {
  if (ids.length === 0) return new Map();
  const rows = await sql<(Obstacle & { id: number })[]>`
    select id, kind, reason, has_ended
    from ${schema}.obstacles_of(${integers(ids)}::bigint[])`;
  const byId = new Map<number, Obstacle[]>();
  for (const { id, ...obstacle } of rows) byId.set(id, [...(byId.get(id) ?? []), obstacle]);
  return byId;
}
