// What `--json` prints: one schema for each command, told in docs/json.md. A field may be added;
// one that is renamed, removed or gets another meaning makes version 2.
import * as v from "valibot";

import { count, id, JobCounts, moment, PostingState } from "./schema-parts.ts";
import { topEntries } from "./top-schema.ts";

export const JobStatus = v.picklist([
  "waiting",
  "running",
  "retrying",
  "done",
  "failed",
  "cancelled",
]);

const RoleKind = v.picklist(["poster", "viewer", "operator", "pool", "owner"]);

const Posting = v.object({
  id,
  name: v.nullable(v.string()),
  entryPoint: v.string(),
  jobCount: count,
  state: PostingState,
  reason: v.nullable(v.string()),
  poster: v.string(),
  posterOs: v.string(),
  /** Whose pools run it; null: all. */
  project: v.nullable(v.string()),
  postedAt: moment,
  endedAt: v.nullable(moment),
  jobs: JobCounts,
});

const PoolRow = v.object({
  id,
  host: v.string(),
  pid: count,
  version: v.string(),
  role: v.string(),
  osUser: v.string(),
  slots: count,
  state: v.picklist(["up", "draining", "stopped", "lost"]),
  startedAt: moment,
  beatAgoMs: v.number(),
  refused: count,
  /** The project whose postings it runs, beside those of none; null: of any. */
  project: v.nullable(v.string()),
});

/** A document: an object with its version, and what `entries` says. */
const document = <const T extends v.ObjectEntries>(entries: T) =>
  v.object({ version: v.literal(1), ...entries });

/** What a command changed, or left as it was because it could not be changed. */
const Changes = document({
  postings: v.array(v.object({ id, state: PostingState, isChanged: v.boolean() })),
});

/** By command: what it prints on stdout. */
export const documents = {
  status: document({
    database: v.object({
      host: v.string(),
      port: v.number(),
      database: v.string(),
      user: v.string(),
      schema: v.string(),
      source: v.string(),
    }),
    postings: v.array(Posting),
    pools: v.array(PoolRow),
  }),
  top: document(topEntries),
  list: document({
    postings: v.array(Posting),
    /** Whether there are more, which `--before` shows. */
    hasMore: v.boolean(),
    /** Of the newest 1,000 postings, how many have ended and are not shown. */
    hidden: count,
  }),
  pools: document({ pools: v.array(PoolRow), hasMore: v.boolean() }),
  depth: document({ jobs: count }),
  post: document({
    /** Null where nothing was posted: --check and --dry-run. */
    id: v.nullable(id),
    entryPoint: v.string(),
    name: v.nullable(v.string()),
    jobCount: count,
    /** False where its --key had been posted before, or nothing was posted. */
    isNew: v.boolean(),
    /** With --dry-run: the first calls. */
    calls: v.array(v.string()),
  }),
  /** A line for each job that has ended. */
  run: document({
    job: v.string(),
    state: v.picklist(["done", "failed", "cancelled"]),
    attempt: count,
    /** As JSON, in the form of docs/values.md. */
    result: v.unknown(),
    error: v.nullable(v.object({ name: v.string(), message: v.string() })),
    stdout: v.nullable(v.string()),
    stderr: v.nullable(v.string()),
  }),
  wait: document({
    end: v.picklist(["ended", "timed out", "stopped"]),
    postings: v.array(
      v.object({
        id,
        state: PostingState,
        isEnded: v.boolean(),
        reason: v.nullable(v.string()),
        jobs: JobCounts,
      }),
    ),
  }),
  failures: document({
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
                place: v.nullable(v.string()),
                stack: v.nullable(v.string()),
              }),
            }),
            /** Null if they are being retried already, or belong to a `run`. */
            retryWith: v.nullable(v.string()),
          }),
        ),
      }),
    ),
  }),
  /** A line for each job. */
  jobs: document({
    job: v.string(),
    status: JobStatus,
    attempts: count,
    pool: v.nullable(id),
    host: v.nullable(v.string()),
    durationMs: v.nullable(v.number()),
    /** While it runs: how far it says that it is, from 0 to 1, and a few words. */
    progress: v.nullable(v.number()),
    note: v.nullable(v.string()),
    endedAt: v.nullable(moment),
    error: v.nullable(v.object({ name: v.string(), message: v.string() })),
    /** As docs/values.md tells. */
    args: v.unknown(),
  }),
  /** A line for each attempt. */
  logs: document({
    job: v.string(),
    status: JobStatus,
    attempt: count,
    stdout: v.nullable(v.string()),
    stderr: v.nullable(v.string()),
    error: v.nullable(v.unknown()),
  }),
  /** A line for each job, with --json or without. */
  results: v.object({
    posting: id,
    index: count,
    status: JobStatus,
    /** What the job returned, as docs/values.md tells; null if it is not done. */
    result: v.unknown(),
    error: v.nullable(v.unknown()),
    /** With --args alone: the list or object that was posted. */
    args: v.optional(v.unknown()),
  }),
  vars: document({
    variables: v.array(v.object({ name: v.string(), value: v.unknown(), updatedAt: moment })),
  }),
  "vars set": document({ name: v.string() }),
  "vars delete": document({ name: v.string() }),
  "priority-stats": document({
    priorities: v.array(v.object({ priority: v.number(), postings: count, waiting: count })),
  }),
  "set-limit": document({
    postings: v.array(
      v.object({ id, maxRunning: v.nullable(count), maxRate: v.nullable(v.string()) }),
    ),
  }),
  "set-posting-status": Changes,
  "set-priority": Changes,
  retry: document({
    postings: v.array(v.object({ id, state: PostingState, retried: count })),
  }),
  pause: Changes,
  resume: Changes,
  cancel: Changes,
  drain: document({ pools: v.array(v.object({ id, host: v.string() })) }),
  profile: document({
    postings: v.array(id),
    jobs: count,
    samples: count,
    files: v.object({ svg: v.string(), speedscope: v.string() }),
  }),
  up: document({
    isEmbedded: v.boolean(),
    folder: v.nullable(v.string()),
    pid: v.nullable(count),
  }),
  down: document({ wasRunning: v.boolean(), folder: v.string() }),
  migrate: document({ isDryRun: v.boolean(), applied: v.array(v.string()) }),
  "execute-job": document({
    job: v.string(),
    isDone: v.boolean(),
    durationMs: v.number(),
    result: v.unknown(),
    error: v.nullable(v.unknown()),
  }),
  explain: document({
    posting: id,
    /** Null if the whole posting was asked about: then the status is its state. */
    job: v.nullable(v.string()),
    status: v.picklist([...JobStatus.options, "open", "paused", "errored_out", "finished"]),
    why: v.string(),
  }),
  prune: document({
    isDryRun: v.boolean(),
    postings: count,
    jobs: count,
    freedBytes: v.nullable(count),
    busyParts: v.nullable(count),
    hints: v.array(v.string()),
  }),
  config: document({
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
  doctor: document({
    server: v.string(),
    database: v.string(),
    roundTripMs: v.number(),
    clockSkewMs: v.number(),
    findings: v.array(
      v.object({
        kind: v.picklist(["problem", "advice"]),
        about: v.string(),
        found: v.string(),
        remedy: v.string(),
      }),
    ),
  }),
  /** Of grant and revoke. */
  grant: document({ role: v.string(), kind: RoleKind, isRevoked: v.boolean() }),
  /** Of grant without words. */
  grants: document({
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
  keysNew: document({ keyId: v.string(), privateFile: v.string(), publicFile: v.string() }),
  /** Of keys show. */
  key: document({ keyId: v.string(), isPrivate: v.boolean() }),
  /** Of keys list. */
  keys: document({
    keys: v.array(v.object({ keyId: v.string(), file: v.string(), isRevoked: v.boolean() })),
  }),
  /** On stderr, where something went wrong. */
  error: document({
    error: v.object({ name: v.string(), message: v.string(), exitCode: v.number() }),
  }),
  /** On stderr: what a person would be told. */
  message: document({ message: v.string() }),
} as const;
