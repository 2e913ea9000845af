import * as v from "valibot";

import { InvalidInput } from "../../domain/errors.ts";
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
  output: Output | null;
}

/** The end of an attempt, except for its job and whether it was done. */
export type AttemptDetails = Omit<AttemptResult, "position" | "isDone">;

/** Three hundred years: no time reported by a worker is longer, and the database accepts it. */
const longestMs = 1e13;
export const amount = v.pipe(v.number(), v.finite(), v.minValue(0));
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

export const EndedMessage = v.strictObject({
  kind: v.literal("ended"),
  chunk: v.number(),
  numbers: v.instance(Float64Array),
  details: v.array(Details),
});
export type EndedMessage = v.InferOutput<typeof EndedMessage>;

/** For each end: position, 1 for done, durationMs, agoMs. */
const numbersEach = 4;

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
  take(at: number): EndedMessage | null {
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

/** A run of ends ends at about this size of its results. */
const runBytes = 1024 * 1024;

/** The ends of jobs of a chunk, as a worker has sent them. */
export class Ends {
  readonly chunk: number;
  readonly count: number;
  readonly #numbers: Float64Array;
  readonly #details = new Map<number, EndedMessage["details"][number]>();

  /** @throws {InvalidInput} */
  constructor({ chunk, numbers, details }: EndedMessage) {
    this.chunk = chunk;
    this.count = numbers.length / numbersEach;
    this.#numbers = numbers;
    // Written so that NaN fails too.
    let isSound = Number.isInteger(this.count);
    for (let i = 0; isSound && i < this.count; i++) {
      isSound =
        Number.isInteger(this.position(i)) && isTime(this.#durationMs(i)) && isTime(this.#agoMs(i));
    }
    if (!isSound) throw unsound("expected sound numbers");
    for (const detail of details) {
      const [i] = detail;
      if (i >= this.count) throw unsound(`expected an end ${i}`);
      this.#details.set(i, detail);
    }
  }

  position(i: number): number {
    return this.#numbers[i * numbersEach] ?? -1;
  }

  /** The end at an index. */
  at(i: number): AttemptResult {
    const [, text, retry, output] = this.#details.get(i) ?? plain;
    return {
      position: this.position(i),
      isDone: this.#isDone(i),
      durationMs: this.#durationMs(i),
      agoMs: this.#agoMs(i),
      text,
      retry,
      output,
    };
  }

  /**
   * The number of ends, from an index on, of consecutive positions, that are done with at most a
   * result: these are passed on together.
   */
  doneFrom(i: number): number {
    const position = this.position(i);
    let bytes = 0;
    let end = i;
    for (; end < this.count && bytes < runBytes; end++) {
      if (!this.#isDone(end) || this.position(end) !== position + end - i) break;
      if (this.#details.size === 0) continue;
      const [, text, retry, output] = this.#details.get(end) ?? plain;
      if (retry !== null || output !== null) break;
      bytes += text?.length ?? 0;
    }
    return end - i;
  }

  /** The times and results of `count` ends from an index on. */
  columns(i: number, count: number): EndColumns {
    const durationsMs = new Float64Array(count);
    const agosMs = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      durationsMs[k] = this.#durationMs(i + k);
      agosMs[k] = this.#agoMs(i + k);
    }
    const results: (string | null)[] = [];
    if (this.#details.size === 0) return { durationsMs, agosMs, results: null };
    for (let k = i; k < i + count; k++) results.push(this.#details.get(k)?.[1] ?? null);
    return { durationsMs, agosMs, results };
  }

  #isDone(i: number): boolean {
    return this.#numbers[i * numbersEach + 1] === 1;
  }

  #durationMs(i: number): number {
    return this.#numbers[i * numbersEach + 2] ?? -1;
  }

  #agoMs(i: number): number {
    return this.#numbers[i * numbersEach + 3] ?? -1;
  }
}

/** The ends of consecutive jobs, in columns; `results` is null if no job has one. */
export interface EndColumns {
  durationsMs: Float64Array;
  agosMs: Float64Array;
  results: readonly (string | null)[] | null;
}

const plain = [0, null, null, null] as const;
const unsound = (problem: string) => new InvalidInput("message of a worker", [problem]);
const isTime = (ms: number) => ms >= 0 && ms <= longestMs;
