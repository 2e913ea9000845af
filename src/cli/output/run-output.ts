import * as v from "valibot";

import { parse } from "../../domain/parse.ts";
import type { PendingOutcome } from "../../pool/session/outcome-batch.ts";
import type { WholeOutput } from "../../pool/wire/ends.ts";

const StoredError = v.object({ name: v.string(), message: v.string() });

/** A permanently ended job, as it is shown. */
export interface EndedJob {
  job: string;
  /** Its number among all jobs of the run, from 1. */
  number: number;
  state: "done" | "failed" | "cancelled";
  attempt: number;
  /** When it ended, on this process's performance clock. */
  endedAt: number;
  durationMs: number;
  /** The number of the worker that ran it. */
  slot: number | undefined;
  result: unknown;
  error: { name: string; message: string } | null;
  /** The output that the database keeps. */
  stdout: string | null;
  stderr: string | null;
  /** The complete output of a command. */
  whole: WholeOutput | null;
}

/** Some jobs of a run, in their order. */
export interface PostedPart {
  postingId: number;
  jobCount: number;
  /** The seqs of the jobs that the run is to end; null for all. */
  seqs: readonly number[] | null;
}

/**
 * Shows the jobs of a run one after the other, as they end or, if ordered, in their order. `show`
 * resolves when the reader of the output has kept up, and never rejects.
 */
export class RunOutput {
  readonly #isOrdered: boolean;
  readonly #show: (job: EndedJob) => Promise<void>;
  /** The parts by posting, with the number of jobs before them. */
  readonly #parts = new Map<number, PostedPart & { before: number }>();
  /** Ends of jobs of parts that are not known yet. */
  #unknown: PendingOutcome[] = [];
  /** Ended jobs that wait for earlier ones, by number. */
  readonly #early = new Map<number, EndedJob>();
  /** The numbers of the jobs to show next, in order. */
  readonly #queue: Iterator<number>[] = [];
  #next: number | null = null;
  #shown: Promise<void> = Promise.resolve();
  #before = 0;
  /** The number of jobs that the run is to end. */
  total = 0;
  ended = 0;
  failed = 0;

  constructor(isOrdered: boolean, show: (job: EndedJob) => Promise<void>) {
    this.#isOrdered = isOrdered;
    this.#show = show;
  }

  /** Jobs of this part may have ended before. */
  expect(part: PostedPart): void {
    const before = this.#before;
    this.#parts.set(part.postingId, { ...part, before });
    this.#before += part.jobCount;
    this.total += part.seqs?.length ?? part.jobCount;
    this.#queue.push(numbersOf(part, before));
    const known = this.#unknown;
    this.#unknown = [];
    for (const end of known) this.add(end);
  }

  add(end: PendingOutcome): void {
    if (end.state === "retried") return disposeOf(end);
    const part = this.#parts.get(end.postingId);
    if (!part) {
      this.#unknown.push(end);
      return;
    }
    this.ended++;
    if (end.state === "failed") this.failed++;
    const { state, attempt, endedAt, durationMs, slot, stdout, stderr, whole = null } = end;
    const job = {
      job: `${end.postingId}/${end.seq}`,
      number: part.before + end.seq + 1,
      ...{ state, attempt, endedAt, durationMs, slot, stdout, stderr, whole },
      result: end.result === null ? null : (JSON.parse(end.result) as unknown),
      error:
        end.error === null ? null : parse(StoredError, JSON.parse(end.error), "error of a job"),
    };
    if (!this.#isOrdered) return this.#add(job);
    this.#early.set(job.number, job);
    for (;;) {
      this.#next ??= this.#nextNumber();
      const first = this.#next === null ? undefined : this.#early.get(this.#next);
      if (!first) return;
      this.#early.delete(first.number);
      this.#next = null;
      this.#add(first);
    }
  }

  /** The number of a job among all jobs of the run, from 1; null if its part is not known yet. */
  numberOf(postingId: number, seq: number): number | null {
    const part = this.#parts.get(postingId);
    return part ? part.before + seq + 1 : null;
  }

  /** Shows something else after all that is shown so far. */
  async inTurn(show: () => Promise<void>): Promise<void> {
    this.#shown = this.#shown.then(show);
    await this.#shown;
  }

  /** Shows also the jobs after one that has not ended, and resolves when all are shown. */
  async flush(): Promise<void> {
    const rest = [...this.#early].sort(([a], [b]) => a - b);
    this.#early.clear();
    for (const [, job] of rest) this.#add(job);
    await this.#shown;
  }

  #nextNumber(): number | null {
    for (;;) {
      const numbers = this.#queue[0];
      if (!numbers) return null;
      const next = numbers.next();
      if (next.done !== true) return next.value;
      this.#queue.shift();
    }
  }

  #add(job: EndedJob): void {
    this.#shown = this.#shown.then(() => this.#show(job));
  }
}

function* numbersOf({ jobCount, seqs }: PostedPart, before: number): Generator<number, undefined> {
  if (seqs) for (const seq of seqs) yield before + seq + 1;
  else for (let seq = 0; seq < jobCount; seq++) yield before + seq + 1;
}

function disposeOf({ whole }: PendingOutcome): void {
  whole?.stdout[Symbol.dispose]();
  whole?.stderr[Symbol.dispose]();
}
