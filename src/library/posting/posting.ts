import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  cancelPostings,
  pausePostings,
  resumePostings,
  retryFailed,
} from "../../db/engine/control.ts";
import { EndedJobs, lengthOf } from "../../db/read/ended-jobs.ts";
import type { Posted } from "../../db/posting/insert.ts";
import { hasSortedJobs, readEnded, readResults, type ResultRow } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import type { JobError } from "../../domain/attempt.ts";
import { firstPageRows, nextPageSize } from "../../db/read/page-size.ts";
import { parse } from "../../domain/parse.ts";
import type { JobStatus } from "../../domain/states.ts";
import { decodeValue } from "../../job/values.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { type FailedJob, failedJobs } from "./failed-jobs.ts";
import { type PostingStatus, statusOf } from "../wait/posting-status.ts";
import { ConditionMissed, NotRetriable, PostingNotFound } from "../wait/wait-errors.ts";
import { WaitLimit, type WaitOptions } from "../wait/wait-limit.ts";
import { watchProgress } from "../wait/watch-progress.ts";

/** Where one job stands. */
export interface JobResult<Result = unknown> {
  /** Its place among the jobs that were posted, from 0. */
  index: number;
  status: JobStatus;
  /** What the function returned; undefined while the job is not `done`. */
  result: Result | undefined;
  /** Why its newest attempt failed; null if it did not. */
  error: JobError | null;
}

/** In which order results come, and for how long they are waited for. */
export interface ResultOptions extends WaitOptions {
  /** "posted", the default, or "ended". */
  order?: "posted" | "ended" | undefined;
}

const Order = v.looseObject({
  order: v.optional(v.picklist(["posted", "ended"], 'expected "posted" or "ended"'), "posted"),
});
const Where = v.strictObject({ db: v.optional(v.string("expected the URL of a database")) });
const PostingId = v.pipe(
  v.number("expected a number"),
  v.safeInteger("expected a whole number"),
  v.minValue(1, "expected 1 or more"),
);

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
    const limit = new WaitLimit(this.id, options);
    try {
      return statusOf(await this.#connection.ends.wait(this.id, limit.signal));
    } finally {
      limit.end();
    }
  }

  /**
   * Where the posting stands, now and each time that it has changed, until it has ended: the last
   * is final. Polled once a second, and at the end; faster changes are reported as one.
   *
   * @example for await (const { percent } of posting.progress()) console.log(percent, "%");
   * @throws as `wait`.
   */
  async *progress(options: WaitOptions = {}): AsyncGenerator<PostingStatus, void, undefined> {
    const limit = new WaitLimit(this.id, options);
    try {
      yield* watchProgress(this.#connection.ends, this.id, limit.signal);
    } finally {
      limit.end();
    }
  }

  /**
   * Resolves with the status as soon as it fulfils `condition`, which is asked as often as
   * `progress` tells one.
   *
   * @example await posting.waitUntil(({ done }) => done >= 100, { timeoutMs: 60_000 });
   * @throws {ConditionMissed} the posting has ended, and the condition does not hold.
   * @throws as `wait`.
   */
  async waitUntil(
    condition: (status: PostingStatus) => boolean,
    options: WaitOptions = {},
  ): Promise<PostingStatus> {
    let last: PostingStatus | undefined;
    for await (const status of this.progress(options)) {
      if (condition(status)) return status;
      last = status;
    }
    throw new ConditionMissed(this.id, last);
  }

  /**
   * Every job of the posting, read page by page as they are taken: a million fit in little memory.
   *
   * By default in the order in which they were posted, as each stands now, ended or not. With
   * `order: "ended"` as they end, until all have: each once, within about a second, in no
   * particular order. That waits, and throws what `wait` throws.
   *
   * @example for await (const { index, result } of posting.results()) console.log(index, result);
   * @throws {PostingNotFound} it was removed.
   * @throws {UndecodableValue} something else than a worker wrote the result.
   */
  async *results(options: ResultOptions = {}): AsyncGenerator<JobResult<Result>, void, undefined> {
    const { order, ...wait } = parse(Order, options, "options of results");
    const rows = order === "ended" ? this.#asTheyEnd(wait) : this.#asPosted();
    for await (const row of rows) yield decodeRow<Result>(row);
  }

  async *#asPosted(): AsyncGenerator<ResultRow, void, undefined> {
    const isSorted = await this.#isSorted();
    let size = firstPageRows;
    for (let first = 0; first < this.jobCount;) {
      const page = { postingId: this.id, first, size, isSorted };
      const rows = await this.#connection.use(({ reading }) => readResults(reading, page));
      if (rows.length === 0) throw new PostingNotFound(this.id);
      yield* rows;
      first += size;
      const chars = rows.reduce((sum, row) => sum + lengthOf(row), rows.length);
      size = nextPageSize(rows.length, chars);
    }
  }

  async *#asTheyEnd(options: WaitOptions): AsyncGenerator<ResultRow, void, undefined> {
    const jobs = new EndedJobs(
      (ranges) => this.#connection.use(({ reading }) => readEnded(reading, this.id, ranges)),
      this.jobCount,
    );
    for await (const { percent } of this.progress(options)) yield* jobs.look(percent === 100);
  }

  /**
   * The jobs that have failed for good, by index, with their errors and what they printed. Where
   * the jobs all have one priority, those in between are not looked at.
   *
   * @example for await (const { index, error } of posting.failures()) console.log(index, error);
   */
  async *failures(): AsyncGenerator<FailedJob, void, undefined> {
    const posting = { postingId: this.id, jobCount: this.jobCount };
    yield* failedJobs(this.#connection, { ...posting, isSorted: await this.#isSorted() });
  }

  /**
   * Puts the jobs that have failed for good back into the queue, for one more attempt at least, and
   * returns how many. A posting that had finished is open again by that.
   *
   * @throws {NotRetriable} the posting was cancelled.
   * @throws {PostingNotFound} it was removed.
   */
  async retryFailed(): Promise<number> {
    await this.status(); // whether it is there
    const all = { indices: null, fingerprint: null };
    const retried = await this.#connection.use(({ reading }) => retryFailed(reading, this.id, all));
    if (retried === null) throw new NotRetriable(this.id);
    return retried;
  }

  /**
   * Stops it for now: no more of its jobs are started; what runs goes on. Returns whether that
   * changed anything.
   *
   * @throws {PostingNotFound} it was removed.
   */
  async pause(reason = "paused by a program"): Promise<boolean> {
    return await this.#change((db) => pausePostings(db, [this.id], "paused", reason));
  }

  /** Goes on after `pause`, or after it was stopped for its failures; as `pause` otherwise. */
  async resume(): Promise<boolean> {
    return await this.#change((db) => resumePostings(db, [this.id]));
  }

  /**
   * Cancels it for good: what waits at once, what runs within two seconds, or not at all where
   * `keepRunning` is true. As `pause` otherwise.
   */
  async cancel({ keepRunning = false, reason = "cancelled by a program" } = {}): Promise<boolean> {
    const options = { killsRunning: !keepRunning, reason };
    return await this.#change((db) => cancelPostings(db, [this.id], options));
  }

  async #change(change: (db: Db) => Promise<number[]>): Promise<boolean> {
    const changed = await this.#connection.use(({ reading }) => change(reading));
    if (changed.length === 0) await this.status(); // whether it is there
    return changed.length > 0;
  }

  #isSorted(): Promise<boolean> {
    return this.#connection.use(({ reading }) => hasSortedJobs(reading, this.id));
  }
}

/** @internal Does what `findPosting` says. */
export async function openPosting(id: number, options: { db?: string | undefined }) {
  const { db } = parse(Where, options, "options of findPosting");
  const number = parse(PostingId, id, "the number of a posting");
  const connection = connectionTo(db);
  const [found] = await connection.use(({ reading }) => findPostings(reading, [number]));
  if (found === undefined) throw new PostingNotFound(number);
  return new Posting(connection, { id: number, jobCount: found.jobCount, isNew: false });
}

function decodeRow<Result>({ index, status, result, error }: ResultRow): JobResult<Result> {
  return {
    index,
    status,
    // null stands for undefined. What the function returns is what its type says.
    result: result === null ? undefined : (decodeValue(result) as Result),
    error: error === null ? null : (JSON.parse(error) as JobError), // as jobError made it
  };
}
