import type { Db } from "../db/connect.ts";
import { isConnectionLoss } from "../db/connect.ts";
import { finishPostings, type Outcome, recordOutcomes } from "../db/outcomes.ts";

const flushAtSize = 2_000;
const flushAfterMs = 10;

/** An outcome that waits to be recorded; `endedAt` is on this process's performance clock. */
export type EndedAttempt = Omit<Outcome, "ageMs"> & { endedAt: number };

export interface RecorderListener {
  onRefused(count: number): void;
  onError(error: unknown): void;
}

/**
 * Collects outcomes and records them in batches: when 2,000 are there, when the oldest is 10 ms old,
 * or as soon as the batch before is written. What could not be written for want of a connection
 * stays and is sent again; the statement makes that harmless.
 */
export class Recorder {
  #waiting: EndedAttempt[] = [];
  /** How many outcomes of each lease, and of each posting, are still to be written. */
  #byLease = new Map<number, number>();
  #byPosting = new Map<number, number>();
  #flushing: Promise<void> | null = null;
  #timer: Timer | null = null;

  readonly #db: Db;
  readonly #poolId: number;
  readonly #listener: RecorderListener;

  constructor(db: Db, poolId: number, listener: RecorderListener) {
    this.#db = db;
    this.#poolId = poolId;
    this.#listener = listener;
  }

  /** `count` jobs of a posting were leased: as many outcomes will come. */
  expect({ leaseId, postingId }: { leaseId: number; postingId: number }, count: number): void {
    add(this.#byLease, leaseId, count);
    add(this.#byPosting, postingId, count);
  }

  /** One of the expected outcomes was written, or will not come: its job was given back. */
  forget({ leaseId, postingId }: { leaseId: number; postingId: number }): void {
    add(this.#byLease, leaseId, -1);
    add(this.#byPosting, postingId, -1);
  }

  get leases(): number[] {
    return [...this.#byLease.keys()];
  }

  /** How many outcomes are not written yet. */
  get size(): number {
    return this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#flushing === null;
  }

  add(outcome: EndedAttempt): void {
    this.#waiting.push(outcome);
    if (this.#waiting.length >= flushAtSize) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), flushAfterMs);
  }

  /** Writes all that waits. Resolves once that, and whatever came meanwhile, is written. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, flushAtSize);
      const complete = this.#completedBy(batch);
      const now = performance.now();
      try {
        const outcomes = batch.map(({ endedAt, ...outcome }) => ({
          ...outcome,
          ageMs: now - endedAt,
        }));
        const refused = await recordOutcomes(this.#db, this.#poolId, outcomes, complete);
        if (refused > 0) this.#listener.onRefused(refused);
      } catch (error) {
        this.#listener.onError(error);
        if (!isConnectionLoss(error)) throw error;
        await Bun.sleep(500);
        continue;
      }
      this.#waiting.splice(0, batch.length);
      for (const outcome of batch) this.forget(outcome);
      this.#finish(batch);
    }
  }

  /** Postings of which this pool has nothing more in hand may have come to their end. */
  #finish(batch: readonly EndedAttempt[]): void {
    const ids = [...new Set(batch.map(({ postingId }) => postingId))];
    const left = ids.filter((id) => !this.#byPosting.has(id));
    if (left.length === 0) return;
    // Not awaited: it queues behind the record on the same connection. If it fails, the heartbeat's
    // look for stragglers finds the posting.
    finishPostings(this.#db, left).catch((error: unknown) => this.#listener.onError(error));
  }

  #completedBy(batch: readonly EndedAttempt[]): number[] {
    const counts = new Map<number, number>();
    for (const { leaseId } of batch) counts.set(leaseId, (counts.get(leaseId) ?? 0) + 1);
    return [...counts]
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
