import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  cancelPostings,
  pausePostings,
  resumePostings,
  retryFailed,
  unblockPostings,
} from "../../db/engine/control.ts";
import { EndedJobs, lengthOf } from "../../db/read/ended-jobs.ts";
import type { Posted } from "../../db/posting/insert.ts";
import { hasSortedJobs, readEnded, readResults, type ResultRow } from "../../db/read/results.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { readServerIdentity } from "../../db/connection/server-identity.ts";
import { readTokens } from "../../db/read/tokens.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import type { JobError } from "../../domain/attempt.ts";
import { pagesOf } from "../../db/read/pages.ts";
import { PostingLost, PostingNotFound } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import type { JobStatus } from "../../domain/states.ts";
import { decodeValue } from "../../job/values.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { type FailedJob, failedJobs } from "./failed-jobs.ts";
import { type PostingStatus, statusOf } from "../wait/posting-status.ts";
import { ConditionMissed, NotRetriable, postingNotFound } from "../wait/wait-errors.ts";
import { WaitLimit, type WaitOptions } from "../wait/wait-limit.ts";
import { watchProgress } from "../wait/watch-progress.ts";

/** The current state of one job. */
export interface JobResult<Result = unknown> {
  /** The index of the job in its posting, from 0. */
  index: number;
  status: JobStatus;
  /** The return value; undefined unless the job is `done`. */
  result: Result | undefined;
  /** The error of its newest attempt; null if that has not failed. */
  error: JobError | null;
}

/** The order of results, and how long to wait for them. */
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

/** A posted batch of jobs. */
export class Posting<Result = unknown> {
  /** Its number in `pdoflow status`; its jobs are `ID/0`, `ID/1`, … */
  readonly id: number;
  readonly jobCount: number;
  /** False if its key had been posted before; then this is that posting. */
  readonly isNew: boolean;
  readonly #connection: Connection;
  readonly #token: number;
  /** The server on which it was posted or found. */
  readonly #server: Connection["server"];

  /** @internal Created by `postWork`. */
  constructor(connection: Connection, { id, jobCount, isNew, token }: Posted) {
    this.#connection = connection;
    this.#token = token;
    this.#server = connection.server;
    this.id = id;
    this.jobCount = jobCount;
    this.isNew = isNew;
  }

  /**
   * The current counts of the posting. Costs the same for ten jobs and for ten million.
   *
   * @example const { done, waiting } = await posting.status();
   * @throws {PostingNotFound} it was removed.
   * @throws {PostingLost} the database failed over and lost it: post it again, with its key.
   */
  async status(): Promise<PostingStatus> {
    const [counts] = await this.#connection.use(({ reading }) =>
      readPostingCounts(reading, [this.id]),
    );
    this.#require(counts?.token);
    if (counts === undefined) throw await this.#absent();
    return statusOf(counts);
  }

  /**
   * Resolves with the final counts once all jobs have ended: done, failed or cancelled. Failed jobs
   * are not an error. If the connection is lost, this waits five minutes for the database.
   *
   * @example const { done, failed } = await posting.wait({ timeoutMs: 60_000 });
   * @throws {WaitTimedOut} after `timeoutMs`.
   * @throws {PostingStopped} its jobs kept failing; a person has to resume it, or to cancel it.
   * @throws {PostingBlocked} it waits for a posting with failed jobs: retry these, or `unblock` it.
   * @throws {PostingNotFound} it was removed.
   * @throws {PostingLost} the database failed over and lost it: post it again, with its key.
   * @throws the signal's reason when it is aborted.
   */
  async wait(options: WaitOptions = {}): Promise<PostingStatus> {
    const limit = new WaitLimit(this.id, options);
    try {
      const posting = { id: this.id, token: this.#token };
      return statusOf(await this.#connection.ends.wait(posting, limit.signal));
    } catch (error) {
      throw error instanceof PostingNotFound ? await this.#absent() : error;
    } finally {
      limit.end();
    }
  }

  /**
   * The counts of the posting, now and after each change, until it has ended; the last ones are
   * final. Polls once a second, and at the end; faster changes are reported together.
   *
   * @example for await (const { percent } of posting.progress()) console.log(percent, "%");
   * @throws as `wait`.
   */
  async *progress(options: WaitOptions = {}): AsyncGenerator<PostingStatus, void, undefined> {
    const limit = new WaitLimit(this.id, options);
    try {
      const posting = { id: this.id, token: this.#token };
      yield* watchProgress(this.#connection.ends, posting, limit.signal);
    } catch (error) {
      throw error instanceof PostingNotFound ? await this.#absent() : error;
    } finally {
      limit.end();
    }
  }

  /**
   * Resolves with the status as soon as it fulfils `condition`, which is checked for each status of
   * `progress`.
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
   * Every job of the posting, read page by page as you iterate: a million jobs need little memory.
   *
   * By default in the order of posting, each with its current state, ended or not. With `order:
   * "ended"` in the order in which they end, until all have: each once, within about a second. That
   * waits, and throws the errors of `wait`.
   *
   * @example for await (const { index, result } of posting.results()) console.log(index, result);
   * @throws {PostingNotFound} it was removed.
   * @throws {PostingLost} the database failed over and lost it: post it again, with its key.
   * @throws {UndecodableValue} something else than a worker wrote the result.
   */
  async *results(options: ResultOptions = {}): AsyncGenerator<JobResult<Result>, void, undefined> {
    const { order, ...wait } = parse(Order, options, "options of results");
    const rows = order === "ended" ? this.#asTheyEnd(wait) : this.#asPosted();
    for await (const row of rows) yield decodeRow<Result>(row);
  }

  async *#asPosted(): AsyncGenerator<ResultRow, void, undefined> {
    const isSorted = await this.#isSorted();
    const read = (first: number, size: number) => {
      const page = { postingId: this.id, first, size, isSorted };
      return this.#use((db) => readResults(db, page));
    };
    const all = [{ first: 0, last: this.jobCount - 1 }];
    for await (const rows of pagesOf(all, read, { charsOf: lengthOf })) {
      if (rows.length === 0) throw await this.#absent();
      yield* rows;
    }
  }

  async *#asTheyEnd(options: WaitOptions): AsyncGenerator<ResultRow, void, undefined> {
    const jobs = new EndedJobs(
      (ranges) => this.#use((db) => readEnded(db, this.id, ranges)),
      this.jobCount,
    );
    for await (const { percent } of this.progress(options)) yield* jobs.read(percent === 100);
  }

  /**
   * The permanently failed jobs, by index, with their errors and output. If all jobs have the same
   * priority, the jobs in between are not read.
   *
   * @example for await (const { index, error } of posting.failures()) console.log(index, error);
   */
  async *failures(): AsyncGenerator<FailedJob, void, undefined> {
    const posting = { postingId: this.id, jobCount: this.jobCount };
    yield* failedJobs((work) => this.#use(work), { ...posting, isSorted: await this.#isSorted() });
  }

  /**
   * Puts permanently failed jobs back into the queue, for at least one more attempt, and returns
   * their number. A finished posting is then open again.
   *
   * @throws {NotRetriable} the posting was cancelled.
   * @throws {PostingNotFound} it was removed.
   * @throws {PostingLost} the database failed over and lost it: post it again, with its key.
   */
  async retryFailed(): Promise<number> {
    const all = { indices: null, fingerprint: null, token: this.#token };
    const retried = await this.#connection.use(({ reading }) => retryFailed(reading, this.id, all));
    if (retried === undefined) throw await this.#gone();
    if (retried === null) throw new NotRetriable(this.id);
    return retried;
  }

  /**
   * Pauses the posting: none of its jobs are started; running jobs continue. Returns whether that
   * changed anything.
   *
   * @throws {PostingNotFound} it was removed.
   * @throws {PostingLost} the database failed over and lost it: post it again, with its key.
   */
  async pause(reason = "paused by a program"): Promise<boolean> {
    return await this.#change((db) => pausePostings(db, this.#itself, "paused", reason));
  }

  /**
   * Resumes the posting after `pause`, or after it was stopped for its failures. Otherwise as
   * `pause`.
   */
  async resume(): Promise<boolean> {
    return await this.#change((db) => resumePostings(db, this.#itself));
  }

  /**
   * Lets the posting run without the postings that it waits for. Resolves to whether it waited;
   * otherwise as `pause`.
   */
  async unblock(): Promise<boolean> {
    return await this.#change((db) => unblockPostings(db, this.#itself));
  }

  /**
   * Cancels the posting permanently: waiting jobs at once, running jobs within two seconds, or not
   * at all if `keepRunning` is true. Otherwise as `pause`.
   */
  async cancel({ keepRunning = false, reason = "cancelled by a program" } = {}): Promise<boolean> {
    const options = { killsRunning: !keepRunning, reason };
    return await this.#change((db) => cancelPostings(db, this.#itself, options));
  }

  async #change(change: (db: Db) => Promise<number[]>): Promise<boolean> {
    const changed = await this.#connection.use(({ reading }) => change(reading));
    if (changed.length === 0) await this.status(); // it may not exist, or not be this one
    return changed.length > 0;
  }

  /** Itself, for statements that must not change another posting of its number. */
  get #itself(): ReadonlyMap<number, number> {
    return new Map([[this.id, this.#token]]);
  }

  /** Reads, and checks afterwards that what was read is of this posting. */
  async #use<T>(read: (db: Db) => PromiseLike<T>): Promise<T> {
    return await this.#connection.use(async ({ reading }) => {
      const found = await read(reading);
      this.#require((await readTokens(reading, [this.id])).get(this.id));
      return found;
    });
  }

  /** @throws {PostingLost} another posting has this number. */
  #require(token: number | undefined): void {
    if (token !== undefined && token !== this.#token) throw new PostingLost(this.id, "another one");
  }

  /** The error if there is no such posting: none of its number, or another one. */
  async #gone(): Promise<PostingLost | PostingNotFound> {
    const tokens = await this.#connection.use(({ reading }) => readTokens(reading, [this.id]));
    return tokens.has(this.id) ? new PostingLost(this.id, "another one") : await this.#absent();
  }

  /** The error if there is no posting of this number: it was lost, if the server is another one. */
  async #absent(): Promise<PostingLost | PostingNotFound> {
    const before = await this.#server;
    const now = await this.#connection.use(({ reading }) => readServerIdentity(reading));
    const isSame = before?.system === now?.system && before?.timeline === now?.timeline;
    return before && now && !isSame ? new PostingLost(this.id, "none") : postingNotFound(this.id);
  }

  /** @internal The connection that a posting uses. */
  static connectionOf(posting: Posting): Connection {
    return posting.#connection;
  }

  #isSorted(): Promise<boolean> {
    return this.#use((db) => hasSortedJobs(db, this.id));
  }
}

/** @internal The implementation of `findPosting`. */
export async function openPosting(id: number, options: { db?: string | undefined }) {
  const { db } = parse(Where, options, "options of findPosting");
  const number = parse(PostingId, id, "the number of a posting");
  const connection = connectionTo(db);
  const [found] = await connection.use(({ reading }) => findPostings(reading, [number]));
  if (found === undefined) throw postingNotFound(number);
  return new Posting(connection, { ...found, isNew: false });
}

function decodeRow<Result>({ index, status, result, error }: ResultRow): JobResult<Result> {
  return {
    index,
    status,
    // null stands for undefined. The type is that of the function, unchecked.
    result: result === null ? undefined : (decodeValue(result) as Result),
    error: error === null ? null : (JSON.parse(error) as JobError), // in the form of jobError
  };
}
