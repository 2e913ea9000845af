import * as v from "valibot";

import { noteText } from "../../job/current-job.ts";
import { parse } from "../../domain/parse.ts";
import type { PostingOptions } from "../../domain/posting-options.ts";
import type { RunTrace } from "../../job/attempt-trace.ts";
import type { ScheduledTime } from "../../domain/scheduled-time.ts";
import type { UpstreamPosting } from "../../domain/upstream.ts";
import { separator } from "../../db/connection/array.ts";
import { type ChildRefusal, partChars } from "./child-call.ts";
import { amount, EndedMessage, Ends, SpentCpu } from "./ends.ts";
import type { JobRun } from "./leased-job.ts";

/** Identifies the job. */
export interface JobIdentity {
  posting: number;
  index: number;
  attempt: number;
}

/** The reason to end a job before it is done. */
export interface StopReason {
  name: "Cancelled" | "Timeout" | "PoolLost" | "PoolEnded";
  message: string;
}

/** A chunk of jobs of one entry point. */
export interface RunMessage {
  kind: "run";
  /** Counts the chunks of this worker from 0. */
  chunk: number;
  /** The index in the shared page of its next position. */
  pageIndex: number;
  entryPoint: string;
  /** The encoded arguments, a line for each job; null: of its only job, in the file. */
  args: string | null;
  /** The ids of the jobs; see `packIds`. */
  ids: readonly number[];
  keepsResults: boolean;
  keepsOutput: PostingOptions["keepsOutput"];
  /** The posting whose results the jobs read; null for none. */
  upstream: UpstreamPosting | null;
  /** The time of a schedule that the jobs run for; null for none. */
  schedule: ScheduledTime | null;
  /** How the jobs are traced; null if neither they nor their pool have a trace. */
  trace: RunTrace | null;
  /** The time by which to start it, or not at all, by Date.now(); null for any time. */
  startBy: number | null;
}

/** The running job, if this is still it, must end: it was cancelled, or its time is up. */
export interface StopMessage {
  kind: "stop";
  chunk: number;
  position: number;
  reason: StopReason;
}

/** The pool has read the worker's output, and emptied its files. */
export interface EmptiedMessage {
  kind: "emptied";
}

/** A part of a page of results for the running job, if it still runs; or why there is none. */
export interface ResultsMessage {
  kind: "results";
  chunk: number;
  position: number;
  /** The index of the first result of the page. */
  first: number;
  states: string;
  /** A part of its texts. */
  texts: string;
  isLastPart: boolean;
  error: string | null;
}

/** The answer to a part of a call of `post`: send the next part if there is no id and no error. */
export interface PostedMessage {
  kind: "posted";
  chunk: number;
  position: number;
  number: number;
  id: number | null;
  error: ChildRefusal | null;
}

/** A message from a pool to a worker. */
export type PoolMessage =
  RunMessage | StopMessage | EmptiedMessage | ResultsMessage | PostedMessage;

export const unpackArgs = (args: string): string[] => args.split(separator);

/** A run of jobs: posting, attempt, the index of the first job, the number of jobs. */
const idNumbers = 4;

/** Jobs by runs of consecutive indexes: the jobs of a chunk nearly always are one run. */
export function packIds(runs: readonly JobRun[]): number[] {
  const ids: number[] = [];
  let next = [-1, -1, -1];
  const add = ({ posting, attempt }: JobRun, index: number, count: number) => {
    if (posting.id === next[0] && attempt === next[1] && index === next[2]) {
      ids[ids.length - 1] = (ids.at(-1) ?? 0) + count;
    } else {
      ids.push(posting.id, attempt, index, count);
    }
    next = [posting.id, attempt, index + count];
  };
  for (const run of runs) {
    if (run.indexes === null) add(run, run.firstSeq, run.count);
    else for (const index of run.indexes) add(run, index, 1);
  }
  return ids;
}

/** The job at a position of the result of `packIds`. */
export function identityAt(ids: readonly number[], position: number): JobIdentity {
  let left = position;
  for (let at = 0; at < ids.length; at += idNumbers) {
    const [posting = 0, attempt = 0, first = 0, count = 0] = ids.slice(at, at + idNumbers);
    if (left < count) return { posting, index: first + left, attempt };
    left -= count;
  }
  throw new RangeError(`there is no job at position ${position} of its chunk`);
}

const Message = v.variant("kind", [
  v.strictObject({ kind: v.literal("ready"), spentCpu: SpentCpu }),
  EndedMessage,
  /** Its output files are long: the pool should read and empty them. */
  v.strictObject({ kind: v.literal("full") }),
  /** The chunk came too late to be started. */
  v.strictObject({ kind: v.literal("late"), chunk: v.number() }),
  /** The code of the chunk is missing here: the job at this position was not started after all. */
  v.strictObject({
    kind: v.literal("lacking"),
    chunk: v.number(),
    position: v.number(),
    reason: v.pipe(v.string(), v.maxLength(10_000)),
  }),
  /** The running job has reported its progress. */
  v.strictObject({
    kind: v.literal("progress"),
    chunk: v.number(),
    position: v.number(),
    share: v.pipe(amount, v.maxValue(1)),
    note: v.nullable(
      v.pipe(
        v.string(),
        v.transform((note) => noteText(note)),
      ),
    ),
  }),
  /** The running job reads results of its upstream: a part of the page that begins at `first`. */
  v.strictObject({
    kind: v.literal("read"),
    chunk: v.number(),
    position: v.number(),
    first: v.pipe(amount, v.integer(), v.maxValue(2 ** 31 - 1)),
    part: v.pipe(amount, v.integer()),
  }),
  /** The running job posts jobs: a part of them. `number` counts the calls of the attempt. */
  v.strictObject({
    kind: v.literal("post"),
    chunk: v.number(),
    position: v.number(),
    number: v.pipe(amount, v.integer(), v.maxValue(2 ** 31 - 1)),
    entryPoint: v.pipe(v.string(), v.maxLength(10_000)),
    options: v.pipe(v.string(), v.maxLength(10_000)),
    jobs: v.pipe(v.string(), v.maxLength(partChars)),
    isLast: v.boolean(),
  }),
  /** The samples of the running job, if it is profiled. */
  v.strictObject({
    kind: v.literal("profile"),
    chunk: v.number(),
    position: v.number(),
    stacks: v.pipe(
      v.record(v.pipe(v.string(), v.maxLength(4_096)), v.pipe(amount, v.integer())),
      v.check((stacks) => Object.keys(stacks).length <= 1_000),
    ),
  }),
  /** The last message of a worker that user code ended from outside of a job's call. */
  v.strictObject({ kind: v.literal("broken"), error: v.string() }),
]);
export type PackedMessage = v.InferOutput<typeof Message>;

/** A message from a worker to its pool. */
export type WorkerMessage =
  Exclude<PackedMessage, { kind: "ended" }> | { kind: "ended"; ends: Ends };

export type ProfileMessage = Extract<WorkerMessage, { kind: "profile" }>;
export type ReadMessage = Extract<WorkerMessage, { kind: "read" }>;
export type PostMessage = Extract<WorkerMessage, { kind: "post" }>;
export type ProgressMessage = Extract<WorkerMessage, { kind: "progress" }>;

/** @throws {InvalidInput} a worker runs user code, which can send anything. */
export function parseWorkerMessage(raw: unknown): WorkerMessage {
  const message = parse(Message, raw, "message of a worker");
  return message.kind === "ended" ? { kind: "ended", ends: new Ends(message) } : message;
}
