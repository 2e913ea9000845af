import * as v from "valibot";

import { insertPosting, type JobBatch } from "../db/postings.ts";
import { formatEntryPoint, parseEntryPoint } from "../domain/entry-point.ts";
import { NothingToPost } from "../domain/errors.ts";
import { entryPointOf, type JobFunction } from "../domain/job-mark.ts";
import { parse } from "../domain/parse.ts";
import { PostingOptions, Priority } from "../domain/posting.ts";
import { connectionTo } from "./connection.ts";
import { encodeJobs } from "./encode-jobs.ts";
import { osUser } from "./os-user.ts";
import { Posting } from "./posting.ts";
import type { Source } from "./source.ts";

export interface PostOptions {
  /** Higher runs first: a whole number of 32 bits, or one for each job. Default 0. */
  priority?: number | Source<number> | undefined;
  /** How often a job is tried before it has failed, the first time included. Default 3. */
  tries?: number | undefined;
  /** The wait after a job's first failure in milliseconds, doubled after each further one. Default 1000. */
  backoffMs?: number | undefined;
  /** The folder that the entry point is relative to, as for the pools. Default: the current one. */
  root?: string | undefined;
  /** The URL of the database. Default: that of the environment, else the embedded server. */
  db?: string | undefined;
}

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

/** The arguments of one call of `F`. */
type Args<F extends JobFunction> = Readonly<Parameters<F>>;
type FirstArg<F extends JobFunction> = Parameters<F>[0] & object;
type ArgsButLast<F extends JobFunction> =
  Parameters<F> extends [...infer Head, unknown?] ? Readonly<Head> : never;
type LastArg<F extends JobFunction> =
  Required<Parameters<F>> extends [...unknown[], infer Tail] ? Tail & object : object;
/** What a call of `F` gives in the end. */
export type ResultOf<F extends JobFunction> = Awaited<ReturnType<F>>;

/** `postWork` for the function of one handle. */
export interface PostWorkOf<F extends JobFunction> {
  /** One job for each list of arguments. */
  (
    posargs: Source<Args<F>>,
    kwargs?: readonly [],
    options?: PostOptions,
  ): Promise<Posting<ResultOf<F>>>;
  /** One job for each object, which is the one argument. */
  (
    posargs: readonly [],
    kwargs: Source<FirstArg<F>>,
    options?: PostOptions,
  ): Promise<Posting<ResultOf<F>>>;
  /** Job i gets the list i, and the object i as its last argument. */
  (
    posargs: Source<ArgsButLast<F>>,
    kwargs: Source<LastArg<F>>,
    options?: PostOptions,
  ): Promise<Posting<ResultOf<F>>>;
}

/**
 * Posts jobs, all or none, and resolves once they are committed; it does not wait for a pool.
 *
 * Job i is a call with the list `posargs[i]`. With `kwargs` too, its last argument is the object
 * `kwargs[i]`; with `kwargs` alone, that is its one argument. Both may be lists, generators or
 * streams, of any length: memory stays small. Arguments can be what docs/values.md lists.
 *
 * `fn` is a function that `job` marked, or an entry point such as "models/fit.ts#fit".
 *
 * @example const posting = await postWork(fit, [[1, "a.csv"], [2, "b.csv"]]);
 * @example const posting = await postWork("fit.ts#fit", [], [{ seed: 1 }, { seed: 2 }]);
 * @throws {NothingToPost} there are no jobs.
 * @throws {UnencodableJob} an argument is a function, a class instance, …; says which and where.
 * @throws {UnequalLengths} of `posargs`, `kwargs` and `priority`.
 * @throws {InvalidInput} an option, an entry point, or the shape of an element.
 * @throws {NotAJob} {JobNotExported} {OutsideRoot} no worker could find the function.
 * @throws {NoDatabase} {DatabaseUnavailable} {SchemaOutdated}
 * @throws what a generator among its arguments throws, as it is.
 */
export async function postWork(
  entryPoint: string,
  posargs: Source<readonly unknown[]>,
  kwargs?: Source<object>,
  options?: PostOptions,
): Promise<Posting>;
export async function postWork<F extends JobFunction>(
  fn: F,
  posargs: Source<Args<F>>,
  kwargs?: readonly [],
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function postWork<F extends JobFunction>(
  fn: F,
  posargs: readonly [],
  kwargs: Source<FirstArg<F>>,
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function postWork<F extends JobFunction>(
  fn: F,
  posargs: Source<ArgsButLast<F>>,
  kwargs: Source<LastArg<F>>,
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function postWork(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  kwargs?: Source<object>,
  options?: PostOptions,
): Promise<Posting> {
  return await post(fn, posargs, kwargs, options);
}

/** `postWork` without the types of the function. */
export async function post(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  kwargs: Source<object> = [],
  options: PostOptions = {},
): Promise<Posting> {
  const { priority, root, db, ...shared } = parse(Options, options, "options of postWork");
  const [base, priorities] = typeof priority === "number" ? [priority, undefined] : [0, priority];
  const entryPoint = await entryPointText(fn, root ?? process.cwd());
  const jobs = new JobStream(encodeJobs({ posargs, kwargs, priorities }));
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
