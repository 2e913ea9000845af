import * as v from "valibot";

import type { Posted } from "../db/postings.ts";
import { hasSortedJobs, readResults, type ResultRow } from "../db/results.ts";
import { type PostingCounts, readPostingCounts } from "../db/status.ts";
import type { JobError } from "../domain/attempt.ts";
import { firstPageRows, nextPageSize } from "../domain/page-size.ts";
import { parse } from "../domain/parse.ts";
import type { JobCounts, PostingState } from "../domain/posting.ts";
import { decodeValue } from "../domain/values.ts";
import type { Connection } from "./connection.ts";
import { PostingNotFound, WaitTimedOut } from "./wait-errors.ts";

/** Where a posting stands, and how many of its jobs are in which status. */
export interface PostingStatus extends JobCounts {
  state: PostingState;
}

/** Where one job stands. */
export interface JobResult<Result = unknown> {
  /** Its place among the jobs that were posted, from 0. */
  index: number;
  status: keyof JobCounts;
  /** What the function returned; undefined while the job is not `done`. */
  result: Result | undefined;
  /** Why its newest attempt failed; null if it did not. */
  error: JobError | null;
}

export interface WaitOptions {
  /** How long to wait, in milliseconds; by default without end. */
  timeoutMs?: number | undefined;
  /** Ends the wait, with its reason, when it is aborted. */
  signal?: AbortSignal | undefined;
}

const WaitLimit = v.optional(
  v.pipe(
    v.number("expected a number of milliseconds"),
    v.minValue(0, (issue) => `expected 0 ms or more, found ${issue.received}`),
  ),
  Infinity,
);
/** What a timer can hold: 24 days. A longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** A batch of jobs that was posted. */
export class Posting<Result = unknown> {
  /** What `pdoflow status` calls it; its jobs are `ID/0`, `ID/1`, … */
  readonly id: number;
  readonly jobCount: number;
  /** False where its key had been posted before: then it is that posting. */
  readonly isNew: boolean;
  readonly #connection: Connection;

  /** @internal Made by `postWork`. */
  constructor(connection: Connection, { id, jobCount, isNew }: Posted) {
    this.#connection = connection;
    this.id = id;
    this.jobCount = jobCount;
    this.isNew = isNew;
  }

  /**
   * Where the posting stands. Costs the same for ten jobs and for ten million.
   *
   * @example const { done, waiting } = await posting.status();
   * @throws {PostingNotFound} it was removed.
   */
  async status(): Promise<PostingStatus> {
    const [counts] = await this.#connection.use(({ reading }) =>
      readPostingCounts(reading, [this.id]),
    );
    if (counts === undefined) throw new PostingNotFound(this.id);
    return statusOf(counts);
  }

  /**
   * Resolves with the final counts once all jobs have ended: done, failed or cancelled. That some
   * failed is no error. A lost connection is waited out for five minutes.
   *
   * @example const { done, failed } = await posting.wait({ timeoutMs: 60_000 });
   * @throws {WaitTimedOut} after `timeoutMs`.
   * @throws {PostingStopped} its jobs kept failing; a person has to resume it, or to cancel it.
   * @throws {PostingNotFound} it was removed.
   * @throws the signal's reason when it is aborted.
   */
  async wait(options: WaitOptions = {}): Promise<PostingStatus> {
    const timeoutMs = parse(WaitLimit, options.timeoutMs, "timeoutMs");
    const late = new AbortController();
    const signals = options.signal ? [options.signal, late.signal] : [late.signal];
    const expire = () => late.abort(new WaitTimedOut(this.id, timeoutMs));
    const timer = timeoutMs <= timerMsMax ? setTimeout(expire, timeoutMs) : undefined;
    try {
      return statusOf(await this.#connection.ends.wait(this.id, AbortSignal.any(signals)));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Every job of the posting in the order in which they were posted, ended or not, read page by
   * page as they are taken: a million fit in little memory.
   *
   * @example for await (const { index, result } of posting.results()) console.log(index, result);
   * @throws {PostingNotFound} it was removed.
   * @throws {UndecodableValue} something else than a worker wrote the result.
   */
  async *results(): AsyncGenerator<JobResult<Result>, void, undefined> {
    const isSorted = await this.#connection.use(({ reading }) => hasSortedJobs(reading, this.id));
    let size = firstPageRows;
    for (let first = 0; first < this.jobCount;) {
      const page = { postingId: this.id, first, size, isSorted };
      const rows = await this.#connection.use(({ reading }) => readResults(reading, page));
      if (rows.length === 0) throw new PostingNotFound(this.id);
      for (const row of rows) yield decodeRow<Result>(row);
      first += size;
      const chars = rows.reduce((sum, row) => sum + lengthOf(row), rows.length);
      size = nextPageSize(rows.length, chars);
    }
  }
}

const statusOf = ({
  id: _id,
  isEnded: _isEnded,
  reason: _reason,
  ...status
}: PostingCounts): PostingStatus => status;

const lengthOf = ({ result, error }: ResultRow) => (result?.length ?? 0) + (error?.length ?? 0);

function decodeRow<Result>({ index, status, result, error }: ResultRow): JobResult<Result> {
  return {
    index,
    status,
    // null stands for undefined. What the function returns is what its type says.
    result: result === null ? undefined : (decodeValue(result) as Result),
    error: error === null ? null : (JSON.parse(error) as JobError), // as jobError made it
  };
}
