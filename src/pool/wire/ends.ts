import * as v from "valibot";

import {
  type AttemptUsage,
  attemptsIn,
  raisePeak,
  sliceUsage,
  measuredLater,
  spanOf,
  usageFields,
  type UsageSpans,
} from "../../domain/attempt-usage.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { JobLines } from "../../domain/job-lines.ts";
import { blockSeparator } from "../../db/connection/array.ts";
import type { SpoolRange } from "./spool.ts";

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
  /** Whether it failed because a stop signal had ended its worker or a program of it. */
  isByStopSignal?: boolean | undefined;
  output: Output | null;
  /** The number of its worker in the pool, if workers are numbered. */
  slot?: number | undefined;
  /** The resources that it used; null if they were not measured. */
  usage?: UsageSpans | null | undefined;
}

/** The end of an attempt, except for its job and whether it was done. */
export type AttemptDetails = Omit<AttemptResult, "position" | "isDone">;

/** Three hundred years: no time reported by a worker is longer, and the database accepts it. */
const longestMs = 1e13;
export const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
/**
 * The CPU time that a worker and its ended children have used since it started, in µs: in user and
 * in system mode; null if it is not measured.
 */
export const SpentCpu = v.nullable(v.strictTuple([amount, amount]));
export type SpentCpu = v.InferOutput<typeof SpentCpu>;
const text = v.nullable(v.string());
const offset = v.pipe(amount, v.integer());
const Ranges = v.strictTuple([offset, offset, offset, offset]);

/**
 * An end with more than a result and output: its index among the ends, whether it is done, its
 * text, retry and output, and whether a stop signal was its cause.
 */
const Single = v.strictTuple([
  offset,
  v.boolean(),
  v.nullable(
    v.pipe(
      v.string(),
      v.check((json) => isLine(json)),
    ),
  ),
  v.nullable(v.union([v.literal("never"), v.pipe(amount, v.maxValue(longestMs))])),
  v.nullable(v.strictObject({ stdout: text, stderr: text, ranges: v.optional(Ranges) })),
  v.boolean(),
]);

/**
 * The ends of jobs of a chunk, at consecutive positions from `first` on. Each is done, unless it is
 * one of `singles`. `results` has a line of JSON for each, `stdouts` and `stderrs` a JSON string.
 */
export const EndedMessage = v.strictObject({
  kind: v.literal("ended"),
  chunk: v.number(),
  first: offset,
  durationsMs: v.instance(Float64Array),
  agosMs: v.instance(Float64Array),
  results: text,
  stdouts: text,
  stderrs: text,
  singles: v.array(Single),
  /**
   * The CPU time of the worker so far, as in `SpentCpu`, then the usage of these jobs in spans,
   * with null for NaN; null if it was not measured, or is measured later. A list, because a typed
   * array takes 5 us more on either side.
   */
  usage: v.nullable(v.array(v.nullable(amount))),
});
export type EndedMessage = v.InferOutput<typeof EndedMessage>;

/** Whether a text can be one of several lines, in one of several blocks. */
const isLine = (json: string) => !json.includes("\n") && !json.includes(blockSeparator);

// User code may replace it.
const { stringify } = JSON;

/**
 * Collects the ends of jobs of a chunk, to be sent as one message: columns of numbers and lines of
 * text, because an object for each end would take half of a pool's time.
 */
export class ResultPacker {
  readonly #chunk: number;
  #first = 0;
  #durationsMs: number[] = [];
  #endedAt: number[] = [];
  /** By index; most jobs have none. */
  #results: string[] = [];
  #stdouts: string[] = [];
  #stderrs: string[] = [];
  #singles: v.InferOutput<typeof Single>[] = [];
  #usage: (number | null)[] = [];
  /** The number of ends that `#usage` covers. */
  #measured = 0;

  constructor(chunk: number) {
    this.#chunk = chunk;
  }

  /** Adds the end of the next job. `endedAt` and the `at` of `take` are on the same clock. */
  add(
    position: number,
    {
      isDone,
      text,
      retry,
      isByStopSignal = false,
    }: Pick<AttemptResult, "isDone" | "text" | "retry" | "isByStopSignal">,
    {
      durationMs,
      output,
      endedAt,
    }: Pick<AttemptResult, "durationMs" | "output"> & { endedAt: number },
  ): void {
    const index = this.#durationsMs.length;
    if (index === 0) this.#first = position;
    this.#durationsMs[index] = durationMs;
    this.#endedAt[index] = endedAt;
    if (!isDone || retry !== null || output?.ranges) {
      this.#singles.push([index, isDone, text, retry, output, isByStopSignal]);
      return;
    }
    if (text !== null) this.#results[index] = text;
    if (output === null) return;
    if (output.stdout !== null) this.#stdouts[index] = stringify(output.stdout);
    if (output.stderr !== null) this.#stderrs[index] = stringify(output.stderr);
  }

  /** The number of ends whose resources were not measured yet. */
  get unmeasured(): number {
    return this.#durationsMs.length - this.#measured;
  }

  /** The resources that these ends used together. */
  addUsage(usage: AttemptUsage): void {
    if (this.unmeasured === 0) return;
    this.#usage.push(this.unmeasured);
    for (const field of usageFields) {
      const used = usage[field];
      this.#usage.push(Number.isNaN(used) ? null : used);
    }
    this.#measured = this.#durationsMs.length;
  }

  /** The message with all ends since the last one; null if there is none. */
  take(at: number, spentCpu: SpentCpu): EndedMessage | null {
    const count = this.#durationsMs.length;
    if (count === 0) return null;
    const isMeasured = this.#usage.length > 0 && spentCpu !== null;
    if (isMeasured) this.addUsage(measuredLater);
    const agosMs = new Float64Array(count);
    for (let i = 0; i < count; i++) agosMs[i] = at - (this.#endedAt[i] ?? at);
    const message = {
      ...({ kind: "ended", chunk: this.#chunk, first: this.#first } as const),
      ...{ durationsMs: new Float64Array(this.#durationsMs), agosMs },
      results: linesOf(this.#results, count),
      stdouts: linesOf(this.#stdouts, count),
      stderrs: linesOf(this.#stderrs, count),
      singles: this.#singles,
      usage: isMeasured ? [...spentCpu, ...this.#usage] : null,
    };
    [this.#durationsMs, this.#endedAt, this.#singles] = [[], [], []];
    [this.#usage, this.#measured] = [[], 0];
    [this.#results, this.#stdouts, this.#stderrs] = [[], [], []];
    return message;
  }
}

function linesOf(texts: string[], count: number): string | null {
  if (texts.length === 0) return null;
  texts.length = count;
  return texts.join("\n"); // the text of a hole is empty
}

/** The ends of jobs of a chunk, as a worker has sent them. */
export class Ends {
  readonly chunk: number;
  readonly count: number;
  /** Null if it was not measured now. */
  readonly spentCpu: SpentCpu;
  readonly #first: number;
  readonly #columns: EndColumns;
  readonly #singles = new Map<number, EndedMessage["singles"][number]>();

  /** @throws {InvalidInput} */
  constructor({ chunk, first, durationsMs, agosMs, singles, usage, ...texts }: EndedMessage) {
    this.chunk = chunk;
    const [userUs = null, systemUs = null] = usage ?? [];
    this.spentCpu = userUs === null || systemUs === null ? null : [userUs, systemUs];
    this.count = durationsMs.length;
    this.#first = first;
    if (this.count === 0 || agosMs.length !== this.count) throw unsound("expected equal columns");
    if (!areTimes(durationsMs) || !areTimes(agosMs)) throw unsound("expected sound numbers");
    const spans = usage && Float64Array.from(usage.slice(2), (used) => used ?? NaN);
    if (spans && !areUsages(spans, this.count)) throw unsound("expected sound usage");
    this.#columns = {
      ...{ durationsMs, agosMs, usage: spans, results: soundLines(texts.results, this.count) },
      stdouts: soundLines(texts.stdouts, this.count),
      stderrs: soundLines(texts.stderrs, this.count),
    };
    for (const single of singles) {
      const [i] = single;
      if (i >= this.count) throw unsound(`expected an end ${i}`);
      this.#singles.set(i, single);
    }
  }

  /** If their worker measures usage, it will measure theirs with the next ones. */
  measureLater(): void {
    this.#columns.usage ??= spanOf(this.count, measuredLater);
  }

  /** The pool has seen that the job at a position used at least this much memory. */
  raisePeak(position: number, peakBytes: number): void {
    const { usage } = this.#columns;
    if (usage) this.#columns.usage = raisePeak(usage, position - this.#first, peakBytes);
  }

  position(i: number): number {
    return this.#first + i;
  }

  /** The end at an index. */
  at(i: number): AttemptResult {
    const single = this.#singles.get(i);
    const position = this.position(i);
    if (!single) return { position, ...doneAt(this.#columns, i) };
    const [, isDone, text, retry, output, isByStop] = single;
    const isByStopSignal = isByStop ? true : undefined;
    const { durationMs, agoMs, usage } = doneAt(this.#columns, i);
    return { position, isDone, durationMs, agoMs, text, retry, output, isByStopSignal, usage };
  }

  /**
   * The number of ends, from an index on, that are done with at most a result and output: these are
   * passed on together.
   */
  doneFrom(i: number): number {
    if (this.#singles.size === 0) return this.count - i;
    let end = i;
    while (end < this.count && !this.#singles.has(end)) end++;
    return end - i;
  }

  /** The times and texts of `count` ends from an index on. */
  columns(i: number, count: number): EndColumns {
    if (count === this.count) return this.#columns;
    const { durationsMs, agosMs, results, stdouts, stderrs, usage } = this.#columns;
    const end = i + count;
    return {
      usage: usage && sliceUsage(usage, i, end),
      durationsMs: durationsMs.subarray(i, end),
      agosMs: agosMs.subarray(i, end),
      results: results?.slice(i, end) ?? null,
      stdouts: stdouts?.slice(i, end) ?? null,
      stderrs: stderrs?.slice(i, end) ?? null,
    };
  }
}

/** The ends of consecutive jobs that are done, in columns; a text is null if no job has one. */
export interface EndColumns {
  durationsMs: Float64Array;
  agosMs: Float64Array;
  results: JobLines | null;
  stdouts: JobLines | null;
  stderrs: JobLines | null;
  /** The resources that they used; null if they were not measured. */
  usage: UsageSpans | null;
}

/** The end at an index of such columns. */
export function doneAt(
  { durationsMs, agosMs, results, stdouts, stderrs, usage: spans }: EndColumns,
  i: number,
): Omit<AttemptResult, "position"> {
  const [durationMs = 0, agoMs = 0] = [durationsMs[i], agosMs[i]];
  const stdout = textOf(stdouts?.at(i) ?? null);
  const stderr = textOf(stderrs?.at(i) ?? null);
  const output = stdout === null && stderr === null ? null : { stdout, stderr };
  const usage = spans && sliceUsage(spans, i, i + 1);
  const text = results?.at(i) ?? null;
  return { isDone: true, durationMs, agoMs, text, retry: null, output, usage };
}

/** The text of a line that should be a JSON string: user code may send anything. */
export function textOf(line: string | null): string | null {
  if (line === null) return null;
  try {
    const text: unknown = JSON.parse(line);
    return typeof text === "string" ? text : line;
  } catch {
    return line;
  }
}

/** @throws {InvalidInput} it has not a line for each of `count` jobs. */
function soundLines(text: string | null, count: number): JobLines | null {
  if (text === null) return null;
  const lines = text.includes(blockSeparator) ? null : JobLines.in(text, count);
  if (lines === null) throw unsound("expected a line for each end");
  return lines;
}

/** By index, because an iterator takes ten times as long. */
function areTimes(all: Float64Array): boolean {
  for (let i = 0; i < all.length; i++) {
    const ms = all[i] ?? -1;
    if (!(ms >= 0 && ms <= longestMs)) return false; // NaN, too
  }
  return true;
}

/** No resource reported by a worker is more than this, and the database accepts it. */
const mostUsed = 2 ** 53;

/** Whether these are the usages of `count` ends: some numbers may be NaN, for not measured. */
function areUsages(spans: UsageSpans, count: number): boolean {
  return attemptsIn(spans) === count && !spans.some((used) => used < 0 || used > mostUsed);
}

const unsound = (problem: string) => new InvalidInput("message of a worker", [problem]);
