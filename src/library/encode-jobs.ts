import { setImmediate } from "node:timers/promises";

import type { JobBatch } from "../db/postings.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { Priority } from "../domain/posting.ts";
import { encodeArgs, UnencodableValue } from "../domain/values.ts";

/** A list, a generator, a stream: anything that `for await` can walk through. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** What makes up the jobs of a posting: the first elements belong to job 0, and so on. */
export interface JobSources {
  posargs: Source<readonly unknown[]>;
  kwargs: Source<object>;
  /** One for each job, or undefined where all have the same. */
  priorities: Source<number> | undefined;
}

/** A batch is full with so many jobs or so many characters. */
const batchJobs = 5_000;
const batchChars = 2 ** 20;

/** Sources that belong together do not have the same number of elements. */
export class UnequalLengths extends PdoflowError {
  override readonly name = "UnequalLengths";
  readonly exitCode = exitCodes.usage;
  constructor(shorter: string, count: number, longer: string) {
    super(
      `Expected as many elements of ${shorter} as of ${longer}, one for each job; ${shorter} ` +
        `has ${count}, ${longer} has more. Nothing was posted.`,
    );
  }
}

/** An argument of a job is no value that a worker could be given. */
export class UnencodableJob extends PdoflowError {
  override readonly name = "UnencodableJob";
  readonly exitCode = exitCodes.usage;
  /** The job's place in what was to be posted, from 0. */
  readonly index: number;
  /** Where it is in the job's arguments, as in `[2].options`. */
  readonly path: string;
  constructor(index: number, cause: UnencodableValue) {
    super(`Job ${index}: ${cause.message} Nothing was posted.`, { cause });
    this.index = index;
    this.path = cause.path;
  }
}

/**
 * The jobs that `sources` make up, encoded, in batches. A source without elements counts as not
 * given. Where both are given, a job's keyword object is its last argument. Lets other things run
 * between two batches.
 *
 * @throws {UnequalLengths} {UnencodableJob}
 * @throws {InvalidInput} an element is no list of arguments, no object or no priority.
 */
export async function* encodeJobs(sources: JobSources): AsyncGenerator<JobBatch, void, undefined> {
  const posargs = new Reader("posargs", sources.posargs);
  const kwargs = new Reader("kwargs", sources.kwargs);
  const priority = sources.priorities && new Reader("priority", sources.priorities);
  const readers = [posargs, kwargs, ...(priority ? [priority] : [])];
  try {
    for (const reader of readers) await reader.advance();
    const given = [posargs, kwargs].filter((reader) => !reader.isAtEnd);
    if (given.length === 0) return;
    const used = [...given, ...(priority ? [priority] : [])];
    const hasKeywords = given.includes(kwargs);
    const take = given.includes(posargs)
      ? (index: number) => positional(index, posargs.item, hasKeywords ? [kwargs.item] : [])
      : (index: number) => keywords(index, kwargs.item);
    let index = 0;
    while (!areAtEnd(used, index)) {
      const batch = newBatch(priority !== undefined);
      for (let chars = 0; batch.args.length < batchJobs && chars < batchChars; index++) {
        const text = encode(index, take(index));
        chars += text.length;
        batch.args.push(text);
        if (priority) batch.priorities?.push(checkPriority(index, priority.item));
        for (const reader of used) {
          const step = reader.advance();
          if (step) await step;
        }
        if (areAtEnd(used, index + 1)) {
          index++;
          break;
        }
      }
      yield batch;
      await setImmediate();
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
}
