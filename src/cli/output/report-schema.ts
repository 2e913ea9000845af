import * as v from "valibot";

import { flowStates, stageStates } from "../../domain/flow-status.ts";
import { shownStates } from "../../domain/states.ts";
import { count, id, JobCounts, moment } from "./schema-parts.ts";

const byState = { done: count, failed: count, retried: count, cancelled: count };
const ms = v.number();
const text = v.nullable(v.string());

/** How long attempts took; medians and other shares are within 5 %. */
const spread = {
  count,
  sumMs: ms,
  meanMs: v.nullable(ms),
  medianMs: v.nullable(ms),
  p95Ms: v.nullable(ms),
  p99Ms: v.nullable(ms),
  longestMs: v.nullable(ms),
};

const steps = v.array(v.object({ upTo: v.number(), weight: v.number() }));
const amount = v.nullable(v.number());

/** As in `usage`. */
const Usage = v.object({
  ...{ attempts: count, measured: count, cpuUserMs: amount, cpuSystemMs: amount, cores: amount },
  ...{ peakBytes: amount, readBytes: amount, writtenBytes: amount },
  asked: v.object({ cpus: v.number(), memBytes: amount }),
  ...{ suggestedNeeds: text, peaks: steps, coreSteps: steps },
});

const Posting = v.object({
  id,
  name: text,
  flow: v.nullable(id),
  stage: text,
  entryPoint: v.string(),
  command: text,
  state: v.picklist(shownStates),
  reason: text,
  poster: v.string(),
  posterOs: v.string(),
  project: text,
  schedule: text,
  postedAt: moment,
  startedAt: v.nullable(moment),
  endedAt: v.nullable(moment),
  jobCount: count,
  jobs: JobCounts,
  /** The options that differ from the defaults. */
  options: v.array(v.object({ name: v.string(), value: v.string() })),
  /** The SHA-256 of the code, if it was pinned. */
  codeDigest: text,
  waitsFor: text,
  durations: v.object(spread),
  retried: count,
  usage: v.nullable(Usage),
});

const Flow = v.object({
  ...{ id, name: v.string(), state: v.picklist(flowStates), poster: v.string() },
  ...{ posterOs: v.string(), postedAt: moment },
  stages: v.array(
    v.object({
      ...{ stage: v.string(), posting: id, state: v.picklist(stageStates) },
      ...{ jobCount: count, jobs: JobCounts },
    }),
  ),
  graph: v.array(
    v.object({
      name: v.string(),
      upstreams: v.array(v.object({ stage: v.string(), kind: v.string() })),
    }),
  ),
});

const Timeline = v.object({
  startAt: moment,
  endAt: moment,
  binMs: ms,
  /** Attempts that ended in each bin. */
  ended: v.object({
    done: v.array(count),
    failed: v.array(count),
    retried: v.array(count),
    cancelled: v.array(count),
  }),
  pools: v.array(
    v.object({
      /** Null for all pools that are not listed one by one. */
      ...{ id: v.nullable(id), host: text, pid: v.nullable(count), slots: v.nullable(count) },
      ...{ startedAt: v.nullable(moment), endedAt: v.nullable(moment) },
      /** Busy workers in each bin, on average. */
      busy: v.array(v.number()),
    }),
  ),
});

const jobError = v.nullable(
  v.object({ name: v.string(), message: v.string(), stack: v.optional(v.string()) }),
);

/** The output of `report` as JSON: the figures of its page. */
export const reportEntries = {
  madeAt: moment,
  program: v.string(),
  database: v.string(),
  flows: v.array(Flow),
  postings: v.array(Posting),
  jobs: JobCounts,
  /** Null if no attempt has ended. */
  timeline: v.nullable(Timeline),
  durations: v.object({
    ...spread,
    bars: v.array(v.object({ ...byState, fromMs: ms, toMs: ms })),
  }),
  attempts: v.array(v.object({ attempt: count, ...byState })),
  slowest: v.array(
    v.object({
      ...{ job: v.string(), attempt: count },
      ...{ state: v.picklist(["done", "failed", "retried", "cancelled"]), durationMs: ms },
      /** Only with --show-values. */
      ...{ endedAt: moment, host: text, args: text },
    }),
  ),
  failures: v.array(
    v.object({
      ...{ posting: id, fingerprint: v.string(), count, firstAt: v.nullable(moment) },
      ...{ lastAt: v.nullable(moment), job: v.string(), attempt: v.nullable(count), host: text },
      /** Only with --show-values: stderr and args. */
      ...{ error: jobError, stderr: text, args: text },
    }),
  ),
  failureGroups: count,
  machines: v.array(
    v.object({
      ...{ host: text, pools: count, slots: count, versions: v.array(v.string()) },
      attempts: v.object(byState),
      ...{ busyMs: ms, availableMs: v.nullable(ms) },
    }),
  ),
} as const;
