import type { JobError } from "../domain/attempt.ts";
import { type GatheredPage, rangeOfGroup, type UpstreamPosting } from "../domain/upstream.ts";
import { decodeValue } from "./values.ts";

// User code may replace it.
const { parse } = JSON;

/** The end of one job of the upstream posting. */
export interface UpstreamResult<Result = unknown> {
  /** The index of the job in its posting, from 0. */
  index: number;
  /** "waiting" if it has not ended: only if your job was started in spite of that (`unblock`). */
  status: "done" | "failed" | "cancelled" | "waiting";
  /** The return value; undefined unless the job is done. */
  result: Result | undefined;
  /** The error of a failed job; null for other jobs. */
  error: JobError | null;
}

/** The posting whose results a job reads. */
export interface Upstream {
  /** Its number. */
  readonly posting: number;
  readonly jobCount: number;
  /** The number of its jobs by state, when this job was claimed. */
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  /** The index of the first result that this job reads. */
  readonly first: number;
  /** The index after the last one. */
  readonly end: number;
  /**
   * The results that this job reads, in the order of posting: also the failed and cancelled jobs,
   * so you know what is missing. Reads them page by page as you iterate: a million results need
   * little memory. Each call begins at the first one.
   *
   * @example for await (const { index, status, result } of upstream.results<number>()) { … }
   * @throws {UndecodableValue} something else than a worker wrote the result.
   */
  results<Result = unknown>(): AsyncGenerator<UpstreamResult<Result>, void, undefined>;
}

/** A job asked for its upstream, and its posting gathers no results. */
export class GathersNothing extends Error {
  override readonly name = "GathersNothing";
  constructor(job: string) {
    super(
      `expected a job that reads results of another posting, found job ${job}. Post it with ` +
        "gather(), or with pdoflow post --gather.",
    );
  }
}

const statuses: Record<string, UpstreamResult["status"]> = {
  d: "done",
  f: "failed",
  c: "cancelled",
};

/** Reads pages of results, one at a time. */
export class GatheredResults implements Upstream {
  readonly posting: number;
  readonly jobCount: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly first: number;
  readonly end: number;
  readonly #read: (first: number) => Promise<GatheredPage>;
  #turn: Promise<unknown> = Promise.resolve();

  /** For the job at an index; `read` reads a page of results, from an index on. */
  constructor(
    upstream: UpstreamPosting,
    index: number,
    read: (first: number) => Promise<GatheredPage>,
  ) {
    this.posting = upstream.posting;
    this.jobCount = upstream.jobCount;
    this.done = upstream.done;
    this.failed = upstream.failed;
    this.cancelled = upstream.cancelled;
    const { first, end } = rangeOfGroup(upstream, index);
    this.first = first;
    this.end = end;
    this.#read = read;
  }

  async *results<Result>(): AsyncGenerator<UpstreamResult<Result>, void, undefined> {
    let next = this.#page(this.first);
    for (let index = this.first; index < this.end;) {
      const { states, texts } = await next;
      const after = index + states.length;
      // Fetched while the job works on this one.
      if (after < this.end) next = this.#page(after);
      let at = 0;
      for (const state of states) {
        const lineEnd = texts.indexOf("\n", at);
        const line = texts.slice(at, lineEnd < 0 ? texts.length : lineEnd);
        at = lineEnd + 1;
        yield resultOf(index++, statuses[state] ?? "waiting", line);
      }
    }
  }

  /** Also if several loops read at once, one page is read after the other. */
  #page(first: number): Promise<GatheredPage> {
    const page = this.#turn.then(() => this.#read(first));
    this.#turn = page.catch(() => {}); // the loop that reads it gets the error, if it goes on
    return page;
  }
}

function resultOf<Result>(
  index: number,
  status: UpstreamResult["status"],
  line: string,
): UpstreamResult<Result> {
  const isDone = status === "done" && line !== "";
  return {
    index,
    status,
    // The type is that of the function, unchecked.
    result: isDone ? (decodeValue(line) as Result) : undefined,
    error: status === "failed" && line !== "" ? (parse(line) as JobError) : null,
  };
}
