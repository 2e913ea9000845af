import type { JobError } from "../../domain/attempt.ts";
import type { EdgeFacts } from "../../domain/edge-text.ts";
import type { JobCounts, JobStatus, PostingState } from "../../domain/states.ts";
import { mayServe, type PoolScope, type Route, servesPosting } from "../../domain/route.ts";
import { integers, texts } from "../connection/array.ts";
import type { Db } from "../connection/connect.ts";
import { isSilent, isUp } from "../connection/live-pools.ts";
import { routeObject } from "./routed-postings.ts";
import { readEdges } from "./edges.ts";
import { readSilentPools, type SilentPool, silentPoolObject } from "./silent-pools.ts";
import { readCounts } from "./status.ts";

/** The facts about a job and about everything that can keep it from running. */
export interface JobFacts {
  /** Such as 42/7. */
  id: string;
  status: JobStatus;
  attempts: number;
  /** The error of its last attempt, if that failed. */
  error: JobError | null;
  /** The host of the pool that runs it now, or ran its last attempt. */
  host: string | null;
  /** The pools without a heartbeat that have claimed it, or jobs of the posting. */
  silent: readonly SilentPool[];
  /** The time until its next attempt is due, in ms; null if no retry is due. */
  dueInMs: number | null;
  /** The job of the upstream that it waits for, or because of which it was skipped (E1). */
  element: ElementFacts | null;
  /** The time until its posting starts, in ms; null if it has started. */
  startsInMs: number | null;
  posting: {
    id: number;
    state: PostingState;
    reason: string | null;
    /** Whether it waits for other postings, and whether it is blocked (W4). */
    waits: boolean;
    isBlocked: boolean;
  };
  /** The postings that its posting waits for, or has waited for. */
  edges: readonly EdgeFacts[];
  /** The limits that its posting has reached; null if none. */
  full: { maxRunning: number | null; rateCount: number | null; rateMs: number | null } | null;
  /** Which pool refused its posting, and why; null if none did. */
  refusal: string | null;
  route: Route;
  /** The live pools. */
  pools: readonly PoolFacts[];
  /** The number of waiting jobs that run before it. */
  ahead: { higherPriority: number; samePriority: number };
}

/** A job that another one follows. */
export interface ElementFacts {
  /** Such as 41/7. */
  id: string;
  status: JobStatus;
  host: string | null;
  error: JobError | null;
}

/** The facts that decide whether a live pool can run a posting. */
export interface PoolFacts extends PoolScope {
  /** Whether it refused this posting. */
  refuses: boolean;
  /** Whether it serves only other postings (O9). */
  servesOthers: boolean;
}

type LivePool = PoolFacts & { id: number };

/** The facts about a posting, and about everything that may keep its jobs from running. */
export interface PostingFacts extends Omit<
  JobFacts,
  "id" | "status" | "attempts" | "error" | "host" | "element"
> {
  isEnded: boolean;
  jobs: JobCounts;
  /** Its last notifications, by receiver. */
  notifications: readonly NotificationFacts[];
}

/** A notification about a posting. */
export interface NotificationFacts {
  receiver: string;
  /** The posting that sends it. */
  postingId: number;
  hasEnded: boolean;
  hasFailed: boolean;
}

/** The facts about the job at `index` of a posting; null if it does not exist. */
export async function readJobFacts(
  db: Db,
  postingId: number,
  index: number,
): Promise<JobFacts | null> {
  const { sql, schema } = db;
  type Row = Omit<JobFacts, "id" | "pools" | "ahead" | "edges"> & { priority: number };
  const [job] = await sql<Row[]>`
    select s.status, s.attempts, s.error,
      (select o.host from ${schema}.lease l join ${schema}.pool o on o.id = l.pool_id
       where l.id = s.lease_id) as host,
      (select coalesce(json_agg(${silentPoolObject({ sql })}), '[]')
       from ${schema}.lease l join ${schema}.pool o on o.id = l.pool_id
       where l.id = s.lease_id and l.active and ${isSilent(sql)}) as silent,
      -- Infinite while the posting is paused; before PostgreSQL 17 that cannot be subtracted from.
      (select (extract(epoch from r.due_at - now()) * 1000)::float8
       from ${schema}.retry r
       where r.posting_id = p.id and r.first_seq <= s.seq and s.seq < r.end_seq
         and r.due_at < 'infinity'
       limit 1) as due_in_ms,
      (select json_build_object(
         'id', concat(e.upstream_id, '/', u.seq), 'status', u.status, 'error', u.error,
         'host', (select o.host from ${schema}.lease l join ${schema}.pool o on o.id = l.pool_id
                  where l.id = u.lease_id))
       from ${schema}.edge e
         cross join lateral ${schema}.jobs_between(e.upstream_id, s.seq, s.seq + 1, false) u
       where e.posting_id = p.id and e.kind in ('each', 'over')
         and s.status in ('waiting', 'cancelled') and s.lease_id is null
         and u.status <> 'done') as element,
      ${postingColumns(db)},
      coalesce(p.override_priority, p.priority, (
        select effective_priority from ${schema}.lane l
        where l.posting_id = p.id and l.first_seq <= s.seq and s.seq < l.end_seq)) as priority
    from ${schema}.runs_of(${postingId}, ${index}, ${index + 1}) u
      cross join lateral ${schema}.jobs_between(${postingId}, u.first_seq, u.end_seq, false) s
      join ${schema}.posting p on p.id = ${postingId} join ${schema}.route r on r.id = p.route_id`;
  if (!job) return null;
  const { priority, ...facts } = job;
  const pools = await readScopes(db, postingId);
  return {
    ...facts,
    id: `${postingId}/${index}`,
    pools,
    ahead: await countAhead(db, { postingId, priority }, ableOf(facts.route, pools)),
    edges: (await readEdges(db, [postingId])).get(postingId) ?? [],
  };
}

/** The facts about a posting `p` of a route `r` that explain it and its jobs. */
const postingColumns = ({ sql, schema }: Db) => sql`
  (extract(epoch from p.run_at - now()) * 1000)::float8 as starts_in_ms,
  json_build_object('id', p.id, 'state', p.state, 'reason', p.reason, 'waits', p.waits,
    'isBlocked', ${schema}.is_blocked(p)) as posting,
  ${schema}.refusal_of(p.id) as refusal,
  (select json_build_object('maxRunning', p.max_running, 'rateCount', p.rate_count,
                            'rateMs', p.rate_ms)
   from ${schema}.limit_room(p.id) r where r.jobs < 1) as full,
  ${routeObject({ sql })} as route`;

/** The facts about a posting that come from queries of their own. */
const readApart = ["silent", "pools", "ahead", "jobs", "edges", "notifications"] as const;

/** The facts about a posting; null if it does not exist. */
export async function readPostingFacts(db: Db, id: number): Promise<PostingFacts | null> {
  const { sql, schema } = db;
  type Row = Omit<PostingFacts, (typeof readApart)[number]> & { priority: number | null };
  const [row] = await sql<Row[]>`
    select (p.ended_at is not null) as is_ended,
      (select (extract(epoch from min(due_at) - now()) * 1000)::float8
       from ${schema}.retry where posting_id = p.id and due_at < 'infinity') as due_in_ms,
      ${postingColumns(db)},
      (select max(effective_priority) from ${schema}.lane
       where posting_id = p.id and state = 'open') as priority
    from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where p.id = ${id}`;
  const jobs = (await readCounts(db, [id])).get(id);
  if (!row || !jobs) return null;
  const { priority, ...facts } = row;
  const pools = await readScopes(db, id);
  const ahead =
    priority === null
      ? { higherPriority: 0, samePriority: 0 }
      : await countAhead(db, { postingId: id, priority }, ableOf(row.route, pools));
  const edges = (await readEdges(db, [id])).get(id) ?? [];
  const notifications = await sql<NotificationFacts[]>`
    select * from ${schema}.notifications_of(${id})`;
  const [{ silent } = { silent: [] }] = await readSilentPools(db, jobs.running > 0 ? [id] : []);
  return { ...facts, jobs, silent, pools, ahead, edges, notifications };
}

const readScopes = ({ sql, schema }: Db, postingId: number) => sql<LivePool[]>`
  select id, ${scopeColumns({ sql })}, exists (
    select from ${schema}.refusal
    where posting_id = ${postingId} and p.id = any (pool_ids)) as refuses,
    not coalesce((
      select postings && array[id::text, '@' || name] from ${schema}.posting
      where id = ${postingId}), true) as serves_others
  from ${schema}.pool p where ${isUp(sql)}`;

/** The scope of a pool. As JSON, because other arrays arrive as text (array.ts). */
const scopeColumns = ({ sql }: Pick<Db, "sql">) => sql`
  provides, to_json(posters) as posters, project, to_json(postings) as postings`;

/** An open posting, and the pools that are up. */
export type WaitingPosting = Pick<JobFacts, "route" | "pools" | "refusal"> & { id: number };

/** The open postings among `ids`, each with the live pools. */
export async function readWaitingPostings(
  db: Db,
  ids: readonly number[],
): Promise<WaitingPosting[]> {
  if (ids.length === 0) return [];
  const { sql, schema } = db;
  type Row = Omit<WaitingPosting, "pools"> & { name: string | null; refusers: number[] };
  const postings = await sql<Row[]>`
    select p.id, p.name, ${schema}.refusal_of(p.id) as refusal,
      ${routeObject({ sql })} as route,
      to_json(array(select unnest(pool_ids) from ${schema}.refusal f
                    where f.posting_id = p.id)) as refusers
    from ${schema}.posting p join ${schema}.route r on r.id = p.route_id
    where p.id = any (${integers(ids)}::bigint[]) and p.state = 'open' and p.ended_at is null
      and p.run_at is null and not p.waits and r.run = ''
    order by p.id`;
  if (postings.length === 0) return [];
  const pools = await readLivePools(db);
  return postings.map(({ refusers, name, ...posting }) => ({
    ...posting,
    pools: pools.map((pool) => ({
      ...pool,
      refuses: refusers.includes(pool.id),
      servesOthers: !servesPosting(pool, { id: posting.id, name }),
    })),
  }));
}

/** The pools that are up. */
export const readLivePools = ({ sql, schema }: Db) => sql<(PoolScope & { id: number })[]>`
  select id, ${scopeColumns({ sql })} from ${schema}.pool where ${isUp(sql)}`;

/** The pools that can run jobs of a posting of this route. */
const ableOf = (route: Route, pools: readonly LivePool[]): LivePool[] =>
  pools.filter((pool) => mayServe(route, pool) && !pool.refuses && !pool.servesOthers);

/** The jobs of an open lane that come before those of another posting. */
interface LaneAhead {
  id: number;
  name: string | null;
  routeId: number;
  isHigher: boolean;
  rest: number;
  /** The pools that have refused its posting. */
  refusers: number[];
}

/**
 * The jobs in open lanes that come before a lane, in the pool that has the fewest of them among
 * these: jobs that it can never run do not count. Reads the first 1,000 such lanes.
 */
async function countAhead(
  { sql, schema }: Db,
  { postingId, priority }: { postingId: number; priority: number },
  pools: readonly LivePool[],
): Promise<JobFacts["ahead"]> {
  const routes = await sql<{ route: Route }[]>`
    select ${routeObject({ sql })} as route from ${schema}.route r
    where exists (
      select from ${schema}.lane
      where route_id = r.id and state = 'open' and effective_priority >= ${priority})`;
  const servedBy = new Map(
    pools.map((pool) => [
      pool,
      new Set(routes.flatMap(({ route }) => (mayServe(route, pool) ? route.id : []))),
    ]),
  );
  const shared = new Set([...servedBy.values()].flatMap((served) => [...served]));
  const chosen = pools.every(({ postings }) => postings)
    ? pools.flatMap(({ postings }) => postings ?? [])
    : null;
  const isChosen =
    chosen === null ? sql`true` : sql`array[p.id::text, '@' || p.name] && ${texts(chosen)}::text[]`;
  const lanes = await sql<LaneAhead[]>`
    select l.posting_id as id, p.name, l.route_id, l.effective_priority > ${priority} as is_higher,
      l.end_seq - coalesce((
        select seq from ${schema}.lane_cursor(l.posting_id, l.priority)), l.first_seq) as rest,
      to_json(array(select unnest(pool_ids) from ${schema}.refusal f
                    where f.posting_id = l.posting_id)) as refusers
    -- Route by route, because the index of open lanes begins with the route.
    from unnest(${integers([...shared])}::integer[]) as r (id) cross join lateral (
      select * from ${schema}.lane
      where route_id = r.id and state = 'open' and effective_priority >= ${priority}
      order by effective_priority desc, posting_id limit 1000) l
      cross join lateral (
        select id, name from ${schema}.posting where id = l.posting_id offset 0) p
    where (l.effective_priority > ${priority} or l.posting_id < ${postingId}) and ${isChosen}
    limit 1000`;
  const ahead = [...servedBy].map(([pool, served]) =>
    sumAhead(
      lanes.filter(
        (lane) =>
          served.has(lane.routeId) && servesPosting(pool, lane) && !lane.refusers.includes(pool.id),
      ),
    ),
  );
  const jobsOf = (sums: JobFacts["ahead"]) => sums.higherPriority + sums.samePriority;
  const [first, ...others] = ahead;
  if (first === undefined) return { higherPriority: 0, samePriority: 0 };
  return others.reduce((least, sums) => (jobsOf(sums) < jobsOf(least) ? sums : least), first);
}

const sumAhead = (lanes: readonly LaneAhead[]): JobFacts["ahead"] => ({
  higherPriority: lanes.reduce((sum, { isHigher, rest }) => sum + (isHigher ? rest : 0), 0),
  samePriority: lanes.reduce((sum, { isHigher, rest }) => sum + (isHigher ? 0 : rest), 0),
});
