import { argumentsOfClaim, JobsGone, readArguments } from "../../db/engine/job-arguments.ts";
import {
  type ClaimedRange,
  type LeasedRange,
  readRunnable,
  type RunnablePosting,
} from "../../db/engine/leases.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";
import { readIndices } from "../../db/read/jobs.ts";
import type { Link } from "../link/link.ts";
import type { JobRun } from "../wire/leased-job.ts";
import { type LeasedRun, sizeOfArguments, withArguments } from "../wire/leased-run.ts";
import { collectBytes, collectMemory } from "./argument-memory.ts";

const postingsKept = 10_000;

/** Jobs that were claimed together. */
export interface ReadJobs {
  runs: LeasedRun[];
  /** Jobs whose arguments are too large to be read now. */
  unread: JobRun[];
}

/** Reads claimed jobs, as far as the claim has not returned them. */
export class ClaimReader {
  readonly #link: Pick<Link, "ask">;
  /** Postings that have more jobs than were claimed. */
  readonly #postings = new Map<number, RunnablePosting>();
  /** The last arguments were large. */
  #hasReadLarge = false;

  constructor(link: Pick<Link, "ask">) {
    this.#link = link;
  }

  /** Reads postings again with the next claim. */
  forget(): void {
    this.#postings.clear();
  }

  /**
   * Reads arguments of up to `bytesMax`, at least of one job. `startBy`: when jobs of postings with
   * a rate must have started.
   *
   * @throws {JobsGone} a job or its posting does not exist.
   */
  async read(
    ranges: readonly ClaimedRange[],
    { startBy, bytesMax }: { startBy: number; bytesMax: number },
  ): Promise<ReadJobs> {
    // Arguments are in memory three times while they are read. The last ones are collected now:
    // the connection kept its last message until the answer to this claim came.
    if (this.#hasReadLarge) collectMemory();
    // Both are sent at once.
    const [texts, postings] = await Promise.all([
      argumentsOfClaim(ranges) ?? this.#link.ask((db) => readArguments(db, ranges, bytesMax)),
      this.#postingsOf(ranges),
    ]);
    const indexes = await this.#indexesOf(ranges, postings);
    const jobs: ReadJobs = { runs: [], unread: [] };
    for (const [i, range] of ranges.entries()) {
      const { postingId, leaseId, runningLimit, attempt, firstSeq, endSeq } = range;
      const posting = postings.get(postingId);
      if (!posting) throw new JobsGone(postingId);
      const run: JobRun = {
        leaseId,
        runningLimit,
        posting,
        attempt,
        startBy: posting.hasRate ? startBy : null,
        firstSeq,
        count: endSeq - firstSeq,
        indexes: indexes?.[i] ?? null,
      };
      const rest = withArguments(run, texts[i] ?? [], jobs.runs);
      if (rest) jobs.unread.push(rest);
    }
    this.#hasReadLarge = sizeOfArguments(jobs.runs) >= collectBytes;
    return jobs;
  }

  async #postingsOf(ranges: readonly ClaimedRange[]): Promise<Map<number, RunnablePosting>> {
    const found = new Map<number, RunnablePosting>();
    const unknown = new Set<number>();
    for (const { postingId, posting } of ranges) {
      const known = posting ?? this.#postings.get(postingId);
      if (known) found.set(postingId, known);
      else unknown.add(postingId);
    }
    if (unknown.size > 0) {
      const read = await this.#link.ask((db) => readRunnable(db, [...unknown]));
      for (const posting of read) found.set(posting.id, posting);
    }
    for (const { postingId, firstSeq, endSeq } of ranges) {
      const posting = found.get(postingId);
      if (posting && endSeq - firstSeq < posting.jobCount) this.#keep(posting);
    }
    return found;
  }

  #keep(posting: RunnablePosting): void {
    this.#postings.set(posting.id, posting);
    dropOldest(this.#postings, postingsKept);
  }

  /** Null if all jobs have an index that is their seq. */
  async #indexesOf(
    ranges: readonly LeasedRange[],
    postings: ReadonlyMap<number, RunnablePosting>,
  ): Promise<(number[] | undefined)[] | null> {
    const sorted = ranges.filter(({ postingId }) => postings.get(postingId)?.isSorted);
    if (sorted.length === 0) return null;
    const read = await this.#link.ask((db) => readIndices(db, sorted));
    return ranges.map((range) => read[sorted.indexOf(range)]);
  }
}
