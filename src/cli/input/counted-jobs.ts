import { createHash } from "node:crypto";

import type { JobBatch } from "../../db/posting/batches.ts";

/** Counts jobs on their way to be posted, and untaken jobs, with a digest of all. */
export class CountedJobs implements AsyncIterable<JobBatch> {
  readonly #source: AsyncIterator<JobBatch>;
  readonly #digest = createHash("md5");
  count = 0;

  constructor(source: AsyncIterable<JobBatch>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The source stays open when its reader ends, so that `rest` can read on. */
  [Symbol.asyncIterator](): AsyncIterator<JobBatch> {
    return { next: () => this.#next() };
  }

  /** Reads the remaining jobs, and returns the digest of the arguments of all jobs. */
  async rest(): Promise<string> {
    while ((await this.#next()).done !== true);
    return this.#digest.digest("hex");
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<IteratorResult<JobBatch>> {
    const next = await this.#source.next();
    if (next.done === true) return next;
    this.count += next.value.args.length;
    for (const args of next.value.args)
      this.#digest.update(createHash("md5").update(args).digest("hex"));
    return next;
  }
}
