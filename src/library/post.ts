import * as v from "valibot";

import type { JobBatch } from "../db/batches.ts";
import { insertPosting } from "../db/postings.ts";
import { formatEntryPoint, parseEntryPoint } from "../domain/entry-point.ts";
import { NothingToPost } from "../domain/errors.ts";
import { entryPointOf, type JobFunction, schemaOf } from "../domain/job-mark.ts";
import { parse } from "../domain/parse.ts";
import { PostingOptions, Priority } from "../domain/posting.ts";
import { connectionTo } from "./connection.ts";
import { encodeJobs, type JobSources } from "./encode-jobs.ts";
import { osUser } from "../db/os-user.ts";
import type { PostOptions } from "./post-work.ts";
import { Posting } from "./posting.ts";
import type { Source } from "./source.ts";

const Options = v.strictObject({
  ...PostingOptions.entries,
  priority: v.optional(
    v.union(
      [Priority, v.custom<Source<number>>((input) => typeof input === "object" && input !== null)],
      "expected a whole number of 32 bits, or a list of them",
    ),
    0,
  ),
  root: v.optional(v.string("expected the path of a folder")),
  db: v.optional(v.string("expected the URL of a database")),
});

/** Does what `postWork` says. */
export async function post(
  fn: JobFunction | string,
  sources: Pick<JobSources, "posargs" | "kwargs">,
  options: PostOptions,
): Promise<Posting> {
  const { priority, root, db, ...shared } = parse(Options, options, "options of postWork");
  const [base, priorities] = typeof priority === "number" ? [priority, undefined] : [0, priority];
  const entryPoint = await entryPointText(fn, root ?? process.cwd());
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const jobs = new JobStream(encodeJobs({ ...sources, priorities, schema }));
  try {
    // Before the transaction begins: most postings are one batch, and faults are mostly in it.
    if (await jobs.isEmpty()) throw new NothingToPost("posargs and kwargs");
    const connection = connectionTo(db);
    const posting = { entryPoint, priority: base, osUser: osUser(), ...shared };
    const posted = await connection.use(({ posting: db }) =>
      insertPosting(db, posting, jobs, "posargs and kwargs"),
    );
    return new Posting(connection, posted);
  } catch (error) {
    throw jobs.failure?.error ?? error;
  } finally {
    await jobs.close();
  }
}

async function entryPointText(fn: JobFunction | string, root: string): Promise<string> {
  return typeof fn === "string"
    ? formatEntryPoint(parseEntryPoint(fn))
    : await entryPointOf(fn, root);
}

/** Batches whose first one can be read before the others. */
class JobStream {
  /** What the user's own generator threw, which is no error of the database. */
  failure: { error: unknown } | undefined;
  readonly #batches: AsyncGenerator<JobBatch, void, undefined>;
  #first: IteratorResult<JobBatch, void> | undefined;

  constructor(batches: AsyncGenerator<JobBatch, void, undefined>) {
    this.#batches = batches;
  }

  async isEmpty(): Promise<boolean> {
    this.#first = await this.#next();
    return this.#first.done === true;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobBatch, void, undefined> {
    for (let step = this.#first; step?.done === false; step = await this.#next()) yield step.value;
  }

  async close(): Promise<void> {
    await this.#batches.return();
  }

  async #next(): Promise<IteratorResult<JobBatch, void>> {
    try {
      return await this.#batches.next();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}
