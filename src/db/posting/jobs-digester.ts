import { createHash } from "node:crypto";

import type { JobsDigest } from "../../domain/flow-spec.ts";
import type { JobBatch } from "./batches.ts";
import { sha256 } from "./block-digests.ts";
import type { JobsToPost } from "./insert.ts";

/** Parts are merged in pairs when there are as many, so that a digest stays short. */
const partsMax = 256;
const smallestPart = 1_000;
/** Enough hexadecimal digits to tell parts apart. */
const digits = 16;

/** Digests jobs on their way to be posted. */
export class JobsDigester implements AsyncIterable<JobBatch> {
  readonly #source: AsyncIterable<JobBatch> | Iterable<JobBatch>;
  #hash = createHash("sha256");
  #inPart = 0;
  #partJobs = smallestPart;
  #parts: string[] = [];
  #count = 0;

  constructor(source: AsyncIterable<JobBatch> | Iterable<JobBatch>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobBatch, void, undefined> {
    for await (const batch of this.#source) {
      for (const args of batch.args) this.#add(args);
      yield batch;
    }
  }

  /** Of the jobs that were read. */
  digest(): JobsDigest {
    const last = this.#inPart === 0 ? [] : [this.#hash.copy().digest("hex").slice(0, digits)];
    return { count: this.#count, partJobs: this.#partJobs, parts: [...this.#parts, ...last] };
  }

  #add(args: string): void {
    this.#hash.update(`${args}\n`);
    this.#count += 1;
    this.#inPart += 1;
    if (this.#inPart < this.#partJobs) return;
    this.#parts.push(this.#hash.digest("hex").slice(0, digits));
    this.#hash = createHash("sha256");
    this.#inPart = 0;
    if (this.#parts.length < partsMax) return;
    this.#partJobs *= 2;
    this.#parts = this.#parts.flatMap((part, i) =>
      i % 2 === 0 ? [sha256(part + (this.#parts[i + 1] ?? "")).slice(0, digits)] : [],
    );
  }
}

/** The digest of jobs that are not posted, or of a sweep. */
export async function digestOf(jobs: JobsToPost): Promise<JobsDigest> {
  if ("isNormal" in jobs) {
    return {
      ...{ count: jobs.size, partJobs: jobs.size },
      parts: [sha256(`sweep ${jobs.text}`).slice(0, digits)],
    };
  }
  const digested = new JobsDigester(jobs);
  for await (const _ of digested);
  return digested.digest();
}
