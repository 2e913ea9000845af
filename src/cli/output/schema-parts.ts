import * as v from "valibot";

import { allEdgeKinds, type EdgeFacts, toleranceOf } from "../../domain/edge-text.ts";
import {
  edgeStates,
  jobStatuses,
  orList,
  poolRowStates,
  postingStates,
} from "../../domain/states.ts";

// Parts that several output schemas share.

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const id = v.pipe(v.number(), v.integer(), v.minValue(1));
/** A time in UTC, in ISO 8601. */
export const moment = v.union([
  v.pipe(v.string(), v.isoTimestamp()),
  v.pipe(
    v.date(),
    v.transform((date) => date.toISOString()),
  ),
]);

/** An object with `version` and the given entries. */
export const output = <const T extends v.ObjectEntries>(entries: T) =>
  v.object({ version: v.literal(1), ...entries });

export const PostingState = v.picklist(postingStates);
export const PoolState = v.picklist(poolRowStates);
export const JobStatus = v.picklist(jobStatuses, `expected ${orList(jobStatuses)}`);
export const JobCounts = v.object(v.entriesFromList(jobStatuses, count));

/** A posting that another one waits for, or has waited for. */
export const WaitsFor = v.object({
  posting: id,
  kind: v.picklist(allEdgeKinds),
  /** The jobs that may fail or be cancelled, such as "10" or "1%". */
  tolerate: v.nullable(v.string()),
  /** Lapsed: the posting that waited was cancelled. */
  state: v.picklist(edgeStates),
  /** Why it is blocked. */
  cause: v.nullable(v.string()),
  metAt: v.nullable(moment),
  /** Of an element-wise edge: the jobs that never ran, because jobs of the upstream failed. */
  skipped: count,
  /** The role that let the posting run with `pdoflow unblock`. */
  unblockedBy: v.nullable(v.string()),
});

/** The edges of a posting as JSON. */
export const waitsFor = (edges: readonly EdgeFacts[] = []) =>
  edges.map((edge) => ({ ...edge, posting: edge.upstreamId, tolerate: toleranceOf(edge) }));

export const Posting = v.object({
  id,
  name: v.nullable(v.string()),
  entryPoint: v.string(),
  /** The command line that its jobs run, with its marks; null for functions. */
  command: v.nullable(v.string()),
  jobCount: count,
  state: PostingState,
  reason: v.nullable(v.string()),
  poster: v.string(),
  posterOs: v.string(),
  /** The project whose pools run it; null: all pools. */
  project: v.nullable(v.string()),
  postedAt: moment,
  endedAt: v.nullable(moment),
  jobs: JobCounts,
  waitsFor: v.array(WaitsFor),
  /** The schedule that posted it, and the nominal time; null for none. */
  schedule: v.nullable(v.string()),
  scheduledAt: v.nullable(moment),
  /** Whether it waits, and something must be repaired before it can run. */
  isBlocked: v.boolean(),
});

export const PoolRow = v.object({
  id,
  host: v.string(),
  pid: count,
  version: v.string(),
  role: v.string(),
  osUser: v.string(),
  slots: count,
  state: PoolState,
  startedAt: moment,
  beatAgoMs: v.number(),
  /** Whether it is up or draining without a heartbeat for longer than its heartbeat timeout. */
  isStale: v.boolean(),
  refused: count,
  /** The project whose postings it runs, besides postings without one; null: any. */
  project: v.nullable(v.string()),
  /** What its jobs can take, such as cpus, mem in bytes, and gpu. */
  resources: v.array(
    v.object({
      name: v.string(),
      total: v.number(),
      /** What no job had at the last heartbeat; null before the first report. */
      free: v.nullable(v.number()),
    }),
  ),
});
