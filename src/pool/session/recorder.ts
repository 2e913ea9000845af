import { setTimeout as sleep } from "node:timers/promises";

import { isRefusal, isWorthAnotherTry } from "../../db/connection/connect.ts";
import type { LeasedSeq } from "../../db/engine/release.ts";
import { finishPostings, type Outcome, recordPacked } from "../../db/engine/outcomes.ts";
import type { Link } from "./link.ts";
import { type EndedAttempt, OutcomeBatch } from "./outcome-batch.ts";
import { OutcomeBound, sizeOf } from "./outcome-bound.ts";
import { outcomeRefused } from "./outcome-refused.ts";
import { messageOf } from "../../domain/message-of.ts";

const flushAtSize = 4_000;
const flushAtBytes = 8 * 1024 * 1024;
const flushAfterMs = 10;
const retryAfterMs = 500;

export interface RecorderListener {
  onRefused(count: number): void;
  /** These were written, of jobs of these postings. */
  onWritten(postingIds: readonly number[], batch: readonly EndedAttempt[]): void;
  /** The database refused something about an outcome of this state; the sentence says what. */
  onReplaced(state: Outcome["state"], sentence: string): void;
  /** No more jobs are started, or they are again, as a sentence. */
  onHold(sentence: string): void;
  onError(error: unknown): void;
}

/**
 * Collects outcomes and records them in batches: when 4,000 are there, when the oldest is 10 ms
 * old, or as soon as the batch before is written. What could not be written for want of a
 * connection stays and is sent again; the statement makes that harmless.
 */
export class Recorder {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #listener: RecorderListener;
  readonly #bound: OutcomeBound;
  #waiting: EndedAttempt[] = [];
  /** How many of the first that wait are on their way. */
  #sent = 0;
  /** Those behind them, packed meanwhile: the database is not to wait for that. */
  #next: OutcomeBatch | null = null;
  /** How many of the first that wait were in a batch that the database refused. */
  #suspects = 0;
  /** Outcomes that stand for others, which it refused. */
  readonly #refused = new WeakSet<EndedAttempt>();
  /** How many outcomes of each lease, and of each posting, are still to be written. */
  #byLease = new Map<number, number>();
  #byPosting = new Map<number, number>();
  /** Writes and exclusive work take turns: each begins when the one before has ended. */
  #turn: Promise<void> = Promise.resolve();
  #flushing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Link, poolId: number, listener: RecorderListener) {
    this.#link = link;
    this.#poolId = poolId;
    this.#listener = listener;
    this.#bound = new OutcomeBound((sentence) => listener.onHold(sentence));
  }

  /** `count` jobs of a posting were leased: as many outcomes will come. */
  expect({ leaseId, postingId }: Pick<LeasedSeq, "leaseId" | "postingId">, count: number): void {
    add(this.#byLease, leaseId, count);
    add(this.#byPosting, postingId, count);
  }

  /** One of the expected outcomes was written, or will not come: its job was released. */
  forget({ leaseId, postingId }: Pick<LeasedSeq, "leaseId" | "postingId">): void {
    add(this.#byLease, leaseId, -1);
    add(this.#byPosting, postingId, -1);
  }

  /** The leases of which outcomes are still to be written. */
  get leases(): number[] {
    return [...this.#byLease.keys()];
  }

  get postings(): number[] {
    return [...this.#byPosting.keys()];
  }

  /** The outcomes that are not written yet. */
  get waiting(): readonly LeasedSeq[] {
    return this.#waiting;
  }

  /** So much waits that no more jobs should be started. */
  get isFull(): boolean {
    return this.#bound.isFull;
  }

  /** Nothing is leased any more: all was written or released, not only sent. */
  get isIdle(): boolean {
    return this.#byLease.size === 0 && this.#flushing === null;
  }

  add(outcome: EndedAttempt): void {
    this.#waiting.push(outcome);
    this.#bound.add(outcome);
    if (this.#sent > 0 && this.#waiting.length >= this.#sent + flushAtSize) {
      this.#next ??= this.#batchFrom(this.#sent);
    }
    if (this.#waiting.length >= flushAtSize) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), flushAfterMs);
  }

  /** Writes all that waits. Resolves once that, and whatever came meanwhile, is written. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing ??= this.exclusively(() => this.#writeAll())
      .catch((error: unknown) => this.#listener.onError(error))
      .finally(() => {
        this.#flushing = null;
      });
    return this.#flushing;
  }

  /** Runs `work` while no outcome is being written, so that what is leased does not change. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => {},
      () => {}, // told to whoever asked for the work
    );
    return result;
  }

  /** Forgets what was expected: those leases are gone. */
  reset(): void {
    this.#waiting = [];
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
      const { outcomes } = batch;
      this.#sent = outcomes.length;
      try {
        const refused = await this.#link.ask((db) =>
          recordPacked(db, this.#poolId, batch, this.#completedBy(batch)),
        );
        if (refused > 0) this.#listener.onRefused(refused);
      } catch (error) {
        this.#next = null; // what is first is sent again, perhaps by itself
        if (!isWorthAnotherTry(error)) {
          this.#singleOut(outcomes, error);
          continue;
        }
        this.#listener.onError(error);
        await sleep(retryAfterMs);
        continue;
      } finally {
        this.#sent = 0;
      }
      this.#suspects = Math.max(this.#suspects - outcomes.length, 0);
      this.#waiting.splice(0, outcomes.length);
      this.#bound.remove(outcomes);
      for (const [id, count] of batch.byLease) add(this.#byLease, id, -count);
      for (const [id, count] of batch.byPosting) add(this.#byPosting, id, -count);
      this.#finish(batch);
    }
  }

  /**
   * One of a batch is refused by the database: they are sent one by one, and that one without what
   * may be the reason.
   *
   * @throws the error, where it has nothing to do with what a job gave.
   */
  #singleOut(batch: readonly EndedAttempt[], error: unknown): void {
    const [first] = batch;
    if (!first || !isRefusal(error) || this.#refused.has(first)) throw error;
    this.#suspects = Math.max(this.#suspects, batch.length);
    if (batch.length > 1) return;
    const instead = outcomeRefused(first, error);
    this.#refused.add(instead);
    this.#bound.remove([first]);
    this.#bound.add(instead);
    this.#waiting[0] = instead;
    const { postingId, seq } = first;
    const said = messageOf(error);
    this.#listener.onReplaced(
      first.state,
      `posting ${postingId}, seq ${seq}: the database refused this outcome: ${said}`,
    );
  }

  /** As many as are sent at once, of those that wait, from a place on. */
  #batchFrom(place: number): OutcomeBatch {
    const most = place + (this.#suspects > 0 ? 1 : flushAtSize);
    let bytes = 0;
    let end = place;
    for (; end < Math.min(most, this.#waiting.length); end++) {
      const outcome = this.#waiting[end];
      if (outcome) bytes += sizeOf(outcome);
      if (end > place && bytes > flushAtBytes) break;
    }
    return new OutcomeBatch(this.#waiting.slice(place, end));
  }

  /** Postings of which this pool has nothing more in hand may have come to their end. */
  #finish({ outcomes, byPosting, whole }: OutcomeBatch): void {
    const ids = [...byPosting.keys()];
    this.#listener.onWritten(ids, outcomes);
    const left = ids.filter((id) => !this.#byPosting.has(id) && !whole.has(id));
    if (left.length === 0) return;
    // Not awaited: it queues behind the record on the same connection. If it fails, the heartbeat's
    // look for stragglers finds the posting.
    this.#link
      .ask((db) => finishPostings(db, left))
      .catch((error: unknown) => this.#listener.onError(error));
  }

  /** Leases of which nothing is left to be written once this batch is. */
  #completedBy({ byLease }: OutcomeBatch): number[] {
    return [...byLease]
      .filter(([id, count]) => count >= (this.#byLease.get(id) ?? 0))
      .map(([id]) => id);
  }
}

/** Counts up or down; what reaches 0 is no longer there. */
function add(counts: Map<number, number>, key: number, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
