// The output of `--json`: one schema for each command, documented in docs/json.md. Fields can be
// added. Renaming, removing or redefining a field requires version 2.
import * as v from "valibot";

import { jobStatuses, postingStates } from "../../domain/states.ts";
import {
  count,
  id,
  JobCounts,
  JobStatus,
  moment,
  output,
  PoolRow,
  Posting,
  PostingState,
  WaitsFor,
} from "./schema-parts.ts";
import { flowSchemas } from "./flow-schemas.ts";
import { reportEntries } from "./report-schema.ts";
import { ScheduleOverview, scheduleSchemas } from "./schedule-schemas.ts";
import { topEntries } from "./top-schema.ts";

const RoleKind = v.picklist(["poster", "viewer", "operator", "pool", "scaler", "owner"]);

/** Postings that a command changed, or could not change. */
const Changes = output({
  postings: v.array(v.object({ id, state: PostingState, isChanged: v.boolean() })),
});

/** What attempts used; null if not measured. */
const UsageFields = {
  attempts: v.number(),
  wallMs: v.number(),
  /** The time of the attempts whose CPU time was measured. */
  measuredMs: v.number(),
  cpuUserMs: v.nullable(v.number()),
  cpuSystemMs: v.nullable(v.number()),
  /** The largest peak of resident memory. */
  peakBytes: v.nullable(v.number()),
  readBytes: v.nullable(v.number()),
  writtenBytes: v.nullable(v.number()),
};
/** The weight of the values of at most `upTo`, and more than the one before. */
const Step = v.object({ upTo: v.number(), weight: v.number() });

/** The output of each command on stdout. */
export const outputSchemas = {
  status: output({
    database: v.object({
      host: v.string(),
      port: v.number(),
      database: v.string(),
      user: v.string(),
      schema: v.string(),
      source: v.string(),
    }),
    postings: v.array(
      v.object({
        ...Posting.entries,
        /** Jobs that ended per second, in the last minute; null if none has. */
        perSecond: v.nullable(v.number()),
        /** The time that is left at this pace. */
        leftMs: v.nullable(v.number()),
      }),
    ),
    pools: v.array(PoolRow),
    /** At most 20, the next ones first; none if postings were named. */
    schedules: v.array(ScheduleOverview),
  }),
  top: output(topEntries),
  list: output({
    postings: v.array(Posting),
    /** Whether there are more postings; list them with `--before`. */
    hasMore: v.boolean(),
    /** The number of ended postings among the newest 1,000 that are not shown. */
    hidden: count,
  }),
  pools: output({ pools: v.array(PoolRow), hasMore: v.boolean() }),
  depth: output({ slots: count, pools: count }),
  post: output({
    /** Null if nothing was posted, with --check or --dry-run. */
    id: v.nullable(id),
    entryPoint: v.string(),
    name: v.nullable(v.string()),
    jobCount: count,
    /** False if its --key existed before, or if nothing was posted. */
    isNew: v.boolean(),
    /** With --dry-run: the first calls. */
    calls: v.array(v.string()),
    waitsFor: v.array(WaitsFor),
    isBlocked: v.boolean(),
  }),
  /** One line for each ended job. */
  run: output({
    job: v.string(),
    state: v.picklist(["done", "failed", "cancelled"]),
    attempt: count,
    /** In the form of docs/values.md. */
    result: v.unknown(),
    error: v.nullable(v.object({ name: v.string(), message: v.string() })),
    stdout: v.nullable(v.string()),
    stderr: v.nullable(v.string()),
  }),
  wait: output({
    end: v.picklist(["ended", "timed out", "stopped", "blocked"]),
    postings: v.array(
      v.object({
        id,
        state: PostingState,
        isEnded: v.boolean(),
        reason: v.nullable(v.string()),
        jobs: JobCounts,
        waitsFor: v.array(WaitsFor),
        isBlocked: v.boolean(),
      }),
    ),
  }),
  failures: output({
    postings: v.array(
      v.object({
        id,
        state: PostingState,
        reason: v.nullable(v.string()),
        failed: count,
        retrying: count,
        groups: v.array(
          v.object({
            state: v.picklist(["failed", "retrying"]),
            fingerprint: v.string(),
            count,
            firstAt: moment,
            lastAt: moment,
            example: v.object({
              job: v.string(),
              attempt: count,
              host: v.nullable(v.string()),
              error: v.object({
                name: v.string(),
                message: v.string(),
                location: v.nullable(v.string()),
                stack: v.nullable(v.string()),
              }),
            }),
            /** Null if they are being retried already. */
            retryWith: v.nullable(v.string()),
          }),
        ),
      }),
    ),
  }),
  /** One line for each job. */
  jobs: output({
    job: v.string(),
    status: JobStatus,
    attempts: count,
    pool: v.nullable(id),
    host: v.nullable(v.string()),
    durationMs: v.nullable(v.number()),
    /** When its newest attempt started; null if it has not, or has just started. */
    startedAt: v.nullable(moment),
    /** While it runs: how long already; null if it has just started. */
    elapsedMs: v.nullable(v.number()),
    /** While it runs: the progress that it reported, from 0 to 1, and a note. */
    progress: v.nullable(v.number()),
    note: v.nullable(v.string()),
    endedAt: v.nullable(moment),
    /**
     * The resources that its newest attempt used, with its child processes (docs/usage.md); null if
     * they were not measured.
     */
    cpuUserMs: v.nullable(v.number()),
    cpuSystemMs: v.nullable(v.number()),
    /** The peak of resident memory. */
    peakBytes: v.nullable(count),
    readBytes: v.nullable(count),
    writtenBytes: v.nullable(count),
    error: v.nullable(v.object({ name: v.string(), message: v.string() })),
    /** In the form of docs/values.md. */
    args: v.unknown(),
  }),
  /** With --by, `sums`, else `postings`. Times are sums over attempts, in ms. */
  usage: output({
    by: v.nullable(v.picklist(["poster", "entry-point"])),
    postings: v.array(
      v.object({
        postingId: id,
        entryPoint: v.string(),
        needs: v.array(v.string()),
        /** What the jobs asked for: by default one cpu, and no memory in particular. */
        asked: v.object({ cpus: v.number(), memBytes: v.nullable(v.number()) }),
        ...UsageFields,
        /** Attempts with a measured CPU time. */
        measured: count,
        /** CPU time by time: the cores that the attempts used on average. */
        coresUsed: v.nullable(v.number()),
        /** Attempts by their peak: the weight is a number of attempts. */
        peaks: v.array(Step),
        /** Attempts of 50 ms or longer by the cores that they used: the weight is their time. */
        cores: v.array(Step),
        suggestedNeeds: v.nullable(v.array(v.string())),
      }),
    ),
    /** All postings together; null for one posting. The largest peak is that of one attempt. */
    total: v.nullable(
      v.object({
        ...UsageFields,
        measured: count,
        coresUsed: v.nullable(v.number()),
        /** Of the CPU time that the attempts had asked for, the share that they used. */
        efficiency: v.nullable(v.number()),
      }),
    ),
    sums: v.array(
      v.object({
        /** Null with --by entry-point. */
        poster: v.nullable(v.string()),
        posterOs: v.nullable(v.string()),
        /** Null with --by poster. */
        entryPoint: v.nullable(v.string()),
        ...UsageFields,
        cores: v.nullable(v.number()),
      }),
    ),
  }),
  /** One line for each attempt. */
  logs: output({
    job: v.string(),
    status: JobStatus,
    attempt: count,
    stdout: v.nullable(v.string()),
    stderr: v.nullable(v.string()),
    error: v.nullable(v.unknown()),
  }),
  /** One line for each job, with or without --json. */
  results: v.object({
    posting: id,
    index: count,
    status: JobStatus,
    /** The return value, in the form of docs/values.md; null if the job is not done. */
    result: v.unknown(),
    error: v.nullable(v.unknown()),
    /** Only with --args: the posted list or object. */
    args: v.optional(v.unknown()),
  }),
  vars: output({
    variables: v.array(v.object({ name: v.string(), value: v.unknown(), updatedAt: moment })),
  }),
  "vars set": output({ name: v.string() }),
  "vars delete": output({ name: v.string() }),
  "priority-stats": output({
    priorities: v.array(v.object({ priority: v.number(), postings: count, waiting: count })),
  }),
  "set-limit": output({
    postings: v.array(
      v.object({
        id,
        maxRunning: v.nullable(count),
        maxRate: v.nullable(v.string()),
        stopAfter: count,
        maxFailures: v.nullable(count),
        maxFailuresPercent: v.nullable(v.number()),
        maxAttempts: count,
        backoffMs: count,
        timeoutMs: v.nullable(count),
      }),
    ),
  }),
  "set-posting-status": Changes,
  "set-priority": Changes,
  retry: output({
    postings: v.array(v.object({ id, state: PostingState, retried: count })),
  }),
  pause: Changes,
  resume: Changes,
  unblock: Changes,
  cancel: Changes,
  drain: output({ pools: v.array(v.object({ id, host: v.string() })) }),
  ...flowSchemas,
  ...scheduleSchemas,
  report: output(reportEntries),
  web: output({ url: v.string(), socket: v.nullable(v.string()) }),
  profile: output({
    postings: v.array(id),
    jobs: count,
    samples: count,
    files: v.object({ svg: v.string(), speedscope: v.string() }),
  }),
  up: output({
    isEmbedded: v.boolean(),
    folder: v.nullable(v.string()),
    pid: v.nullable(count),
  }),
  down: output({ wasRunning: v.boolean(), folder: v.string() }),
  migrate: output({
    isDryRun: v.boolean(),
    applied: v.array(v.string()),
    heldBack: v.array(v.string()),
  }),
  "execute-job": output({
    job: v.string(),
    isDone: v.boolean(),
    durationMs: v.number(),
    result: v.unknown(),
    error: v.nullable(v.unknown()),
  }),
  explain: output({
    /** Of a schedule: the posting of its last time; null if there is none. */
    posting: v.nullable(id),
    /** Null if the whole posting was asked about: then the status is its state. */
    job: v.nullable(v.string()),
    status: v.picklist([...new Set([...jobStatuses, ...postingStates])]),
    why: v.string(),
    waitsFor: v.array(WaitsFor),
  }),
  prune: output({
    isDryRun: v.boolean(),
    postings: count,
    jobs: count,
    freedBytes: v.nullable(count),
    busyParts: v.nullable(count),
    hints: v.array(v.string()),
  }),
  config: output({
    source: v.string(),
    settings: v.array(
      v.object({
        name: v.string(),
        value: v.nullable(v.string()),
        isSet: v.boolean(),
        from: v.nullable(v.string()),
      }),
    ),
    files: v.array(v.object({ path: v.string(), isThere: v.boolean() })),
  }),
  doctor: output({
    server: v.string(),
    database: v.string(),
    roundTripMs: v.number(),
    clockSkewMs: v.number(),
    /** 0 without a schema. */
    schemaVersion: count,
    /** Live pools by version, those for the oldest schema first; at most 20. */
    poolVersions: v.array(v.object({ version: v.string(), schemaVersion: count, pools: count })),
    findings: v.array(
      v.object({
        kind: v.picklist(["problem", "advice"]),
        about: v.string(),
        found: v.string(),
        remedy: v.string(),
      }),
    ),
  }),
  /** The output of grant and revoke. */
  grant: output({ role: v.string(), kind: RoleKind, isRevoked: v.boolean() }),
  /** The output of grant without arguments. */
  grants: output({
    grants: v.array(
      v.object({
        role: v.string(),
        kind: RoleKind,
        posters: v.nullable(v.array(v.string())),
        share: v.number(),
        maxOpen: v.nullable(count),
        maxArgumentBytes: v.nullable(count),
        maxResultBytes: v.nullable(count),
        maxOutputBytes: v.nullable(count),
      }),
    ),
  }),
  keysNew: output({ keyId: v.string(), privateFile: v.string(), publicFile: v.string() }),
  /** The output of keys show. */
  key: output({ keyId: v.string(), isPrivate: v.boolean() }),
  /** The output of keys list. */
  keys: output({
    keys: v.array(v.object({ keyId: v.string(), file: v.string(), isRevoked: v.boolean() })),
  }),
  /** The output of notify test: its status is that of an accepted request. */
  notifyTest: output({
    receiver: v.string(),
    id: v.string(),
    isAccepted: v.boolean(),
    status: v.nullable(v.number()),
    reason: v.nullable(v.string()),
  }),
  /** An error, on stderr. */
  error: output({
    error: v.object({ name: v.string(), message: v.string(), exitCode: v.number() }),
  }),
  /** A message, on stderr. */
  message: output({ message: v.string() }),
} as const;
