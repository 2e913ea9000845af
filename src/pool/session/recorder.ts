import { setTimeout as sleep } from "node:timers/promises";

import { isRefusal, isWorthAnotherTry } from "../../db/connection/connect.ts";
import type { LeasedRange } from "../../db/engine/leases.ts";
import { finishPostings, type Outcome, recordPacked } from "../../db/engine/outcomes.ts";
import type { Link } from "../link/link.ts";
import {
  countOf,
  OutcomeBatch,
  outcomeRefused,
  type PendingRun,
  sizeOf,
  split,
} from "./outcome-batch.ts";
import { OutcomeBound } from "./outcome-bound.ts";
import { messageOf } from "../../domain/errors.ts";

const flushAtSize = 8_000;
const flushAtBytes = 8 * 1024 * 1024;
/** The oldest outcome waits this long if nothing is being written … */
const flushAfterMs = 10;
/** … and this long behind a batch: each costs the server a millisecond, whatever its size. */
const gatherMs = 25;
const retryAfterMs = 500;

/** Receives events about outcomes, as sentences to log. */
export interface OutcomeListener {
  /** The database refused outcomes, because their leases had ended. */
  onRefused(count: number): void;
  /** The database could not store an outcome of this state; another one replaces it. */
  onReplaced(state: Outcome["state"], sentence: string): void;
  /** Too many outcomes wait, so that no jobs are started; or jobs are started again. */
  onBacklog(sentence: string): void;
}

export interface RecorderListener {
  outcomes: OutcomeListener;
  /** A batch of outcomes, of jobs of these postings, was written within `ms` milliseconds. */
  onWritten(postingIds: readonly number[], batch: readonly PendingRun[], ms: number): void;
  onError(error: unknown): void;
}

/**
 * Collects outcomes and records them in batches: when there are 8,000, when the oldest is 10 ms old
 * (25 ms behind another batch), or when no further ones can come. If the connection fails, a batch
 * is sent again; the statement makes that harmless.
 */
export class Recorder {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #listener: RecorderListener;
  readonly #bound: OutcomeBound;
  #waiting: PendingRun[] = [];
  #waitingCount = 0;
  /** The first waiting outcomes, which are being sent. */
  #sent: OutcomeBatch | null = null;
  /** The outcomes behind them, packed in advance so that the database need not wait. */
  #next: OutcomeBatch | null = null;
  /** The number of first waiting outcomes of which at least one was the reason for a refusal. */
  #suspects = 0;
  /** Outcomes that replace others, which the database refused. */
  readonly #refused = new WeakSet<PendingRun>();
  /** The number of outcomes of each lease, and of each posting, that are still to be written. */
  #byLease = new Map<number, number>();
  #byPosting = new Map<number, number>();
  /** The number of outcomes that are still to be written. */
  #expectedCount = 0;
  /** Writes and exclusive work take turns: each begins when the one before has ended. */
  #turn: Promise<void> = Promise.resolve();
  #flushing: Promise<void> | null = null;
  /** Whether new outcomes are written without waiting for others. */
  #isUrgent = false;
  /** When the oldest outcome that is not being sent came. */
  #oldestAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Link, poolId: number, listener: RecorderListener) {
    this.#link = link;
    this.#poolId = poolId;
    this.#listener = listener;
    this.#bound = new OutcomeBound((sentence) => listener.outcomes.onBacklog(sentence));
  }

  /** `count` jobs of a posting were leased: the same number of outcomes will come. */
  expect({ leaseId, postingId }: Pick<LeasedRange, "leaseId" | "postingId">, count: number): void {
    add(this.#byLease, leaseId, count);
    add(this.#byPosting, postingId, count);
    this.#expectedCount += count;
  }

  /** `count` of the expected outcomes will not come: their jobs were released. */
  forget({ leaseId, postingId }: Pick<LeasedRange, "leaseId" | "postingId">, count: number): void {
    add(this.#byLease, leaseId, -count);
    add(this.#byPosting, postingId, -count);
    this.#expectedCount -= count;
  }

  /** The leases that have outcomes left to be written. */
  get leases(): number[] {
    return [...this.#byLease.keys()];
  }

  get postings(): number[] {
    return [...this.#byPosting.keys()];
  }

  /** The jobs of these leases whose outcomes are not written yet. */
  waiting(leases: ReadonlySet<number>): LeasedRange[] {
    return this.#waiting
      .filter(({ leaseId }) => leases.has(leaseId))
      .map(({ leaseId, postingId, attempt, firstSeq, durationsMs }) => ({
        ...{ leaseId, postingId, attempt, firstSeq, endSeq: firstSeq + durationsMs.length },
      }));
  }

  /** The outcomes that wait to be written, and the size of their texts in bytes. */
  get backlog(): { outcomes: number; bytes: number } {
    return this.#bound.held;
  }

  /** Whether too many outcomes wait to start more jobs. */
  get isFull(): boolean {
    return this.#bound.isFull;
  }

  /** Whether no lease is left: all outcomes are written, not only sent, or their jobs released. */
  get isIdle(): boolean {
    return this.#byLease.size === 0 && this.#flushing === null;
  }

  add(run: PendingRun): void {
    if (this.#waiting.length === (this.#sent?.runs.length ?? 0)) this.#oldestAt = performance.now();
    this.#waiting.push(run);
    this.#waitingCount += countOf(run);
    this.#bound.add(run);
    if (this.#sent && this.#waitingCount >= this.#sent.count + flushAtSize) {
      this.#next ??= this.#batchFrom(this.#sent.runs.length);
    }
    if (this.#sent) return; // what comes next is decided when it is written
    if (this.#isDue(flushAfterMs)) void this.#write();
    else this.#writeIn(flushAfterMs);
  }

  /** Writes all waiting outcomes; resolves once these, and new ones, are written. */
  flush(): Promise<void> {
    this.#isUrgent = true;
    return this.#write();
  }

  /** The same, but leaves new outcomes for later if they are few. */
  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.exclusively(() => this.#writeAll()).catch((error: unknown) => {
      this.#flushing = null;
      this.#listener.onError(error);
    });
    return this.#flushing;
  }

  /** Whether to write now: the waiting outcomes are many or old, or no others are expected. */
  #isDue(mostMs: number): boolean {
    return (
      this.#waitingCount >= Math.min(flushAtSize, this.#expectedCount) ||
      performance.now() - this.#oldestAt >= mostMs
    );
  }

  /** Runs `work` while no outcome is being written, so that the leases do not change. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => {},
      () => {}, // the caller gets the error
    );
    return result;
  }

  /** Forgets all outcomes, expected and waiting: their leases have ended. */
  reset(): void {
    this.#waiting = [];
    this.#waitingCount = 0;
    this.#expectedCount = 0;
    this.#next = null;
    this.#suspects = 0;
    this.#bound.clear();
    this.#byLease.clear();
    this.#byPosting.clear();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#next ?? this.#batchFrom(0);
      this.#next = null;
      const { runs } = batch;
      this.#sent = batch;
      const sentAt = performance.now();
      try {
        const refused = await this.#link.ask((db) =>
          recordPacked(db, this.#poolId, batch, this.#completedBy(batch)),
        );
        if (refused > 0) this.#listener.outcomes.onRefused(refused);
      } catch (error) {
        this.#next = null; // the first outcomes are sent again, perhaps one by one
        if (!isWorthAnotherTry(error)) {
          this.#singleOut(batch, error);
          continue;
        }
        this.#listener.onError(error);
        await sleep(retryAfterMs);
        continue;
      } finally {
        this.#sent = null;
      }
      this.#suspects = Math.max(this.#suspects - batch.count, 0);
      this.#waiting.splice(0, runs.length);
      this.#waitingCount -= batch.count;
      this.#expectedCount -= batch.count;
      this.#bound.remove(runs);
      for (const [id, count] of batch.byLease) add(this.#byLease, id, -count);
      for (const [id, count] of batch.byPosting) add(this.#byPosting, id, -count);
      this.#oldestAt = Math.max(this.#oldestAt, batch.packedAt);
      this.#finish(batch, performance.now() - sentAt);
      if (!this.#isUrgent && this.#suspects === 0 && !this.#isDue(gatherMs)) break;
    }
    // At once, not when the promise is settled: from here on a flush begins anew.
    this.#flushing = null;
    this.#isUrgent = false;
    if (this.#waiting.length > 0) this.#writeIn(this.#oldestAt + gatherMs - performance.now());
  }

  #writeIn(ms: number): void {
    this.#timer ??= setTimeout(() => void this.#write(), ms);
  }

  /**
   * The database has refused a batch because of one of its outcomes: sends half of them, and so on,
   * until only that one is left; then sends it without its values.
   *
   * @throws the error, if it has nothing to do with the values of a job.
   */
  #singleOut({ runs, count }: OutcomeBatch, error: unknown): void {
    const [first] = runs;
    if (!first || !isRefusal(error) || this.#refused.has(first)) throw error;
    this.#suspects = count;
    if (count > 1) return;
    const instead = outcomeRefused(first, error);
    this.#refused.add(instead);
    this.#bound.remove([first]);
    this.#bound.add(instead);
    this.#waiting[0] = instead;
    const { postingId, firstSeq, state } = first;
    const said = messageOf(error);
    this.#listener.outcomes.onReplaced(
      state,
      `posting ${postingId}, seq ${firstSeq}: the database refused this outcome: ${said}`,
    );
  }

  /** The waiting outcomes from an index on that are sent at once. */
  #batchFrom(start: number): OutcomeBatch {
    const most = this.#suspects > 0 ? Math.ceil(this.#suspects / 2) : flushAtSize;
    let [count, bytes] = [0, 0];
    let end = start;
    for (; count < most && end < this.#waiting.length; end++) {
      let run = this.#waiting[end];
      if (!run) break;
      if (this.#suspects > 0 && countOf(run) > most - count) {
        const parts = split(run, most - count);
        this.#waiting.splice(end, 1, ...parts);
        [run] = parts;
      }
      bytes += sizeOf(run);
      if (end > start && bytes > flushAtBytes) break;
      count += countOf(run);
    }
    return new OutcomeBatch(this.#waiting.slice(start, end));
  }

  /** Postings of which this pool has no more jobs may have ended. */
  #finish({ runs, byPosting, whole }: OutcomeBatch, ms: number): void {
    const ids = [...byPosting.keys()];
    this.#listener.onWritten(ids, runs, ms);
    const left = ids.filter((id) => !this.#byPosting.has(id) && !whole.has(id));
    if (left.length === 0) return;
    // Not awaited: it queues behind the record on the same connection. If it fails, the heartbeat
    // finds the posting later.
    this.#link
      .ask((db) => finishPostings(db, left))
      .catch((error: unknown) => this.#listener.onError(error));
  }

  /** Leases that have no outcome left to be written after this batch. */
  #completedBy({ byLease }: OutcomeBatch): number[] {
    return [...byLease]
      .filter(([id, count]) => count >= (this.#byLease.get(id) ?? 0))
      .map(([id]) => id);
  }
}

/** Counts up or down; a count of 0 is removed. */
function add(counts: Map<number, number>, key: number, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
