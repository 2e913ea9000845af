import { createHash } from "node:crypto";

import type { JobBatch } from "../../db/posting/batches.ts";
import type { Sweep } from "../../domain/sweep.ts";

/** Counts jobs on their way to be posted, and untaken jobs, with a digest of all. */
export class CountedJobs implements AsyncIterable<JobBatch> {
  readonly #source: AsyncIterator<JobBatch>;
  readonly #digest = createHash("md5");
  readonly #sweep: Sweep | null;
  #read = 0;

  /** The jobs of a sweep are only read by `rest`. */
  constructor(source: AsyncIterable<JobBatch>, sweep: Sweep | null) {
    this.#source = source[Symbol.asyncIterator]();
    this.#sweep = sweep;
  }

  /** The number of jobs; of all of them, in a sweep. */
  get count(): number {
    return this.#sweep?.size ?? this.#read;
  }

  /** The source stays open when its reader ends, so that `rest` can read on. */
  [Symbol.asyncIterator](): AsyncIterator<JobBatch> {
    return { next: () => this.#next() };
  }

  /**
   * Reads the remaining jobs, and returns the digest of the arguments of all jobs; null for a sweep
   * of more than `most` jobs.
   */
  async rest(most: number): Promise<string | null> {
    if (this.#sweep && this.#sweep.size > most) return null;
    while ((await this.#next()).done !== true);
    return this.#digest.digest("hex");
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<IteratorResult<JobBatch>> {
    const next = await this.#source.next();
    if (next.done === true) return next;
    this.#read += next.value.args.length;
    for (const args of next.value.args)
      this.#digest.update(createHash("md5").update(args).digest("hex"));
    return next;
  }
}
