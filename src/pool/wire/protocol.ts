import * as v from "valibot";

import { noteText } from "../../job/current-job.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import type { PostingOptions } from "../../domain/posting-options.ts";
import { separator } from "../../db/connection/array.ts";
import type { LeasedJob } from "./leased-job.ts";
import type { SpoolRange } from "./spool.ts";

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
  /** The encoded arguments of each job, see `packArgs`; null: of its only job, in the file. */
  args: string | null;
  /** The ids of the jobs; see `packIds`. */
  ids: readonly number[];
  keepsResults: boolean;
  keepsOutput: PostingOptions["keepsOutput"];
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

/** A message from a pool to a worker. */
export type PoolMessage = RunMessage | StopMessage | EmptiedMessage;

/** Many texts as one: two thousand strings take the channel ten times as long. */
export const packArgs = (args: readonly string[]): string => args.join(separator);
export const unpackArgs = (args: string): string[] => args.split(separator);

/** A run of jobs: posting, attempt, the index of the first job, the number of jobs. */
const idNumbers = 4;

/** Jobs by their runs: the jobs of a chunk nearly always are one run. */
export function packIds(jobs: readonly LeasedJob[]): number[] {
  const ids: number[] = [];
  let [posting, attempt, next] = [-1, -1, -1];
  for (const job of jobs) {
    if (job.posting.id === posting && job.attempt === attempt && job.index === next) {
      ids[ids.length - 1] = (ids.at(-1) ?? 0) + 1;
    } else {
      ids.push(job.posting.id, job.attempt, job.index, 1);
    }
    posting = job.posting.id;
    attempt = job.attempt;
    next = job.index + 1;
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

/** The output of a job: both streams, null if there is nothing to keep. */
export interface Output {
  stdout: string | null;
  stderr: string | null;
  /** Of a command: the range of all its output in the files of its worker. */
  ranges?: OutputRanges | undefined;
  /** The same, once the pool has copied it. */
  whole?: WholeOutput | undefined;
}

/** Offsets: where stdout begins and ends, then stderr. */
export type OutputRanges = [number, number, number, number];

/** All output of a command, to be printed by its run. */
export interface WholeOutput {
  stdout: SpoolRange;
  stderr: SpoolRange;
}

/** The end of one attempt. */
export interface AttemptResult {
  /** The job's position in its chunk. */
  position: number;
  isDone: boolean;
  durationMs: number;
  /** How long ago it ended, in ms. */
  agoMs: number;
  /** The encoded result or error. */
  text: string | null;
  /** The consequence of a thrown error: no further attempt, or one after this number of ms. */
  retry: "never" | number | null;
  output: Output | null;
}

/** The end of an attempt, except for its job and whether it was done. */
export type AttemptDetails = Omit<AttemptResult, "position" | "isDone">;

/** Three hundred years: no time reported by a worker is longer, and the database accepts it. */
const longestMs = 1e13;
const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
const text = v.nullable(v.string());
const offset = v.pipe(amount, v.integer());
const Ranges = v.strictTuple([offset, offset, offset, offset]);

/** Properties that most ends do not have, with the index among the ends. */
const Details = v.strictTuple([
  v.pipe(amount, v.integer()),
  text,
  v.nullable(v.union([v.literal("never"), v.pipe(amount, v.maxValue(longestMs))])),
  v.nullable(v.strictObject({ stdout: text, stderr: text, ranges: v.optional(Ranges) })),
]);

/** For each end: position, 1 for done, durationMs, agoMs. */
const numbersEach = 4;

const Message = v.variant("kind", [
  v.strictObject({ kind: v.literal("ready") }),
  v.strictObject({
    kind: v.literal("ended"),
    chunk: v.number(),
    numbers: v.instance(Float64Array),
    details: v.array(Details),
  }),
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
  | Exclude<PackedMessage, { kind: "ended" }>
  | { kind: "ended"; chunk: number; ends: AttemptResult[] };

export type ProfileMessage = Extract<WorkerMessage, { kind: "profile" }>;
export type ProgressMessage = Extract<WorkerMessage, { kind: "progress" }>;

/**
 * Collects the ends of jobs of a chunk, to be sent as one message. Most ends are four numbers in
 * one array: an object for each of them would take half of a pool's time.
 */
export class ResultPacker {
  readonly #chunk: number;
  #numbers: number[] = [];
  #details: v.InferOutput<typeof Details>[] = [];

  constructor(chunk: number) {
    this.#chunk = chunk;
  }

  /** Adds the end of a job. `endedAt` and the `at` of `take` are on the same clock. */
  add(
    position: number,
    { isDone, text, retry }: Pick<AttemptResult, "isDone" | "text" | "retry">,
    {
      durationMs,
      output,
      endedAt,
    }: Pick<AttemptResult, "durationMs" | "output"> & { endedAt: number },
  ): void {
    const index = this.#numbers.length / numbersEach;
    this.#numbers.push(position, isDone ? 1 : 0, durationMs, endedAt);
    if (text !== null || retry !== null || output !== null) {
      this.#details.push([index, text, retry, output]);
    }
  }

  /** The message with all ends since the last one; null if there is none. */
  take(at: number): PackedMessage | null {
    if (this.#numbers.length === 0) return null;
    const numbers = new Float64Array(this.#numbers);
    for (let i = numbersEach - 1; i < numbers.length; i += numbersEach) {
      numbers[i] = at - (numbers[i] ?? at);
    }
    const message = { kind: "ended", chunk: this.#chunk, numbers, details: this.#details } as const;
    [this.#numbers, this.#details] = [[], []];
    return message;
  }
}

/** @throws {InvalidInput} a worker runs user code, which can send anything. */
export function parseWorkerMessage(raw: unknown): WorkerMessage {
  const message = parse(Message, raw, "message of a worker");
  if (message.kind !== "ended") return message;
  const { chunk, numbers, details } = message;
  const ends: AttemptResult[] = [];
  for (let at = 0; at < numbers.length; at += numbersEach) {
    const position = numbers[at] ?? -1;
    const isDone = numbers[at + 1];
    const durationMs = numbers[at + 2] ?? -1;
    const agoMs = numbers[at + 3] ?? -1;
    // Written so that NaN fails too.
    const isSound = Number.isInteger(position) && isTime(durationMs) && isTime(agoMs);
    if (!isSound) throw new InvalidInput("message of a worker", ["expected sound numbers"]);
    ends.push({
      position,
      isDone: isDone === 1,
      durationMs,
      agoMs,
      text: null,
      retry: null,
      output: null,
    });
  }
  for (const [i, text, retry, output] of details) {
    const end = ends[i];
    if (!end) throw new InvalidInput("message of a worker", [`expected an end ${i}`]);
    Object.assign(end, { text, retry, output });
  }
  return { kind: "ended", chunk, ends };
}

const isTime = (ms: number) => ms >= 0 && ms <= longestMs;
