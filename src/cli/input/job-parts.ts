import type { JobBatch } from "../../db/posting/batches.ts";

/** A part ends when no job has come for this long … */
const stallMs = 100;
/** … or when it has lasted this long with few jobs. */
const slowMs = 1_000;
const fewJobs = 5_000;

/**
 * Splits jobs that come slowly into parts, each for a posting of its own, so that the first ones
 * can start before the last ones are read. Jobs that come fast are one part.
 */
export class JobParts {
  readonly #batches: AsyncIterator<JobBatch>;
  /** Batches that were read ahead. */
  readonly #ahead: JobBatch[] = [];
  #pending: Promise<IteratorResult<JobBatch>> | null = null;
  #isOver = false;

  constructor(batches: AsyncIterable<JobBatch>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** Waits for the first jobs; returns their number if they are all jobs, as far as can be seen. */
  async peek(): Promise<number | null> {
    for (let count = 0; ;) {
      const batch = await this.#pull(count === 0 ? null : stallMs / 5);
      if (batch === undefined) return null;
      if (batch === null) return count;
      this.#ahead.push(batch);
      count += batch.args.length;
      if (count >= fewJobs) return null;
    }
  }

  /** Whether all jobs were returned, as far as is known. */
  get isOver(): boolean {
    return this.#isOver && this.#ahead.length === 0;
  }

  /** The next part, once its first jobs have come; null at the end. */
  async next(): Promise<AsyncIterable<JobBatch> | null> {
    const first = this.#ahead.shift() ?? (await this.#pull(null));
    return first ? this.#part(first) : null;
  }

  async *#part(first: JobBatch): AsyncGenerator<JobBatch, void, undefined> {
    const startedAt = performance.now();
    let count = first.args.length;
    yield first;
    for (;;) {
      const batch = this.#ahead.shift() ?? (await this.#pull(stallMs));
      if (!batch) return;
      count += batch.args.length;
      yield batch;
      if (count < fewJobs && performance.now() - startedAt > slowMs) return;
    }
  }

  /** The next batch; null at the end, undefined if none comes within `waitMs`. */
  async #pull(waitMs: number | null): Promise<JobBatch | null | undefined> {
    if (this.#isOver) return null;
    this.#pending ??= this.#batches.next();
    const next = waitMs === null ? await this.#pending : await within(this.#pending, waitMs);
    if (next === undefined) return undefined;
    this.#pending = null;
    if (next.done !== true) return next.value;
    this.#isOver = true;
    return null;
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
