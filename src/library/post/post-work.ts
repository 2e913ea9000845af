import type { JobFunction, PostedArgs } from "../../job/job-mark.ts";
import type { LibraryOption, OptionsInput } from "../../domain/posting-options.ts";
import type { Transaction } from "../../db/posting/transaction.ts";
import type { Posting } from "../posting/posting.ts";
import type { After } from "./after.ts";
import type { Source } from "./source.ts";

type SharedOptions = OptionsInput<Exclude<LibraryOption, "priority">>;

/** Times are in milliseconds. */
export interface PostOptions extends SharedOptions {
  /**
   * Jobs with a higher priority run first: a 32-bit integer, or a list with one for each job
   * (default: 0).
   */
  priority?: number | Source<number> | undefined;
  /**
   * The postings to wait for: `after: frames`, or for example
   * `after: [{ posting: frames, tolerate: "1%" }, 41]` (docs/flows.md; default: none).
   */
  after?: After | readonly After[] | undefined;
  /**
   * Post in a transaction of yours: a client of `pg`, a manager of TypeORM, or the result of
   * `fromPostgres`, `fromKnex`, `fromKysely`, `fromDrizzle` or `fromPrisma` (default: a new one).
   */
  transaction?: Transaction | undefined;
  /**
   * The folder that the entry point is relative to; pools need the same (default: the current
   * folder).
   */
  root?: string | undefined;
  /** The URL of the database (default: from the environment, else the embedded server). */
  db?: string | undefined;
}

/** The arguments of one call of `F`. */
export type Args<F extends JobFunction> = Readonly<PostedArgs<F>>;
/** The only argument of a call of `F`. */
export type FirstArg<F extends JobFunction> = PostedArgs<F>[0] & object;
/** The arguments of a call of `F`, without the last one. */
export type ArgsButLast<F extends JobFunction> =
  PostedArgs<F> extends readonly [...infer Head, unknown?] ? Readonly<Head> : never;
/** The last argument of a call of `F`. */
export type LastArg<F extends JobFunction> =
  Required<PostedArgs<F>> extends readonly [...unknown[], infer Tail] ? Tail & object : object;
/** The resolved return value of a call of `F`. */
export type ResultOf<F extends JobFunction> = Awaited<ReturnType<F>>;

/** If the types of the function are not given, F is JobFunction itself. */
type AnyArgs<F extends JobFunction> = [JobFunction] extends [F]
  ? readonly unknown[]
  : Args<F> | ArgsButLast<F>;

/** The type of impossible options: its name is the message for lists that fit no form together. */
interface Misfit {
  "posargs and kwargs do not fit the function together": never;
}

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
  /** Never matches: see `postWork`. */
  (
    posargs: Source<AnyArgs<F>>,
    kwargs: Source<FirstArg<F> | LastArg<F>>,
    options: PostOptions & Misfit,
  ): Promise<never>;
}

/**
 * Posts jobs, all or none, and resolves once they are committed; it does not wait for a pool.
 *
 * Job i is a call with the list `posargs[i]`. With `kwargs` too, its last argument is the object
 * `kwargs[i]`; with `kwargs` alone, that is its one argument. Both may be lists, generators or
 * streams, of any length: memory stays small. Arguments can be what docs/values.md lists.
 *
 * `fn` is a function that `job` marked, or an entry point such as "models/fit.ts#fit", which has
 * the types of the function where you name it: `postWork<typeof fit>("models/fit.ts#fit", …)`.
 *
 * @example const posting = await postWork(fit, [[1, "a.csv"], [2, "b.csv"]]);
 * @example const posting = await postWork("fit.ts#fit", [], [{ seed: 1 }, { seed: 2 }]);
 * @throws {NothingToPost} there are no jobs.
 * @throws {UnencodableJob} an argument is a function, a class instance, …; says which and where.
 * @throws {ArgumentsRefused} the function has a schema, and it refuses the arguments of a job.
 * @throws {UnequalLengths} of `posargs`, `kwargs` and `priority`.
 * @throws {InvalidInput} an option, an entry point, or the shape of an element.
 * @throws {NotAJob} {JobNotExported} {OutsideRoot} no worker could find the function.
 * @throws {KeyTaken} the `key` belongs to a posting of another entry point.
 * @throws {NoTransaction} {TransactionReadOnly} {TransactionAborted} {PostingDenied}
 *   {SnapshotTooOld} of the option `transaction`.
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
  fn: F | string,
  posargs: Source<Args<F>>,
  kwargs?: readonly [],
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function postWork<F extends JobFunction>(
  fn: F | string,
  posargs: readonly [],
  kwargs: Source<FirstArg<F>>,
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
export async function postWork<F extends JobFunction>(
  fn: F | string,
  posargs: Source<ArgsButLast<F>>,
  kwargs: Source<LastArg<F>>,
  options?: PostOptions,
): Promise<Posting<ResultOf<F>>>;
/**
 * Never matches: of several forms TypeScript explains only the last, so this one is like all of
 * them.
 */
export async function postWork<F extends JobFunction>(
  fn: F | string,
  posargs: Source<AnyArgs<F>>,
  kwargs: Source<FirstArg<F> | LastArg<F>>,
  options: PostOptions & Misfit,
): Promise<never>;
export async function postWork(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  kwargs?: Source<object>,
  options?: PostOptions,
): Promise<Posting> {
  return await postUntyped(fn, posargs, kwargs, options);
}

/** Not imported at the top: every worker imports this file, and few jobs post. */
let loading: Promise<typeof import("./post.ts")> | null = null;

/** @internal `postWork` without the types of the function. */
export async function postUntyped(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  kwargs: Source<object> = [],
  options: PostOptions = {},
): Promise<Posting> {
  const { post } = await (loading ??= import("./post.ts"));
  return await post(fn, { posargs, kwargs }, options);
}
