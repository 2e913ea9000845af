import * as v from "valibot";

import type { JobBatch } from "../../db/posting/batches.ts";
import {
  callerDb,
  explainCallersError,
  type PostingDb,
  requireTransaction,
  SnapshotTooOld,
} from "../../db/posting/caller-transaction.ts";
import { insertPosting, type NewPosting, openSpanBy } from "../../db/posting/insert.ts";
import { insertLevels, insertLevelsIn } from "../../db/posting/insert-levels.ts";
import { formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { NothingToPost } from "../../domain/errors.ts";
import { entryPointOf } from "../../job/job-entry-point.ts";
import { type JobFunction, schemaOf } from "../../job/job-mark.ts";
import { encodeArgs } from "../../job/values.ts";
import { parse } from "../../domain/parse.ts";
import { librarySchemas, postingOptions } from "../../domain/posting-options.ts";
import { overPosting } from "../../domain/sweep.ts";
import { Tolerance } from "../../domain/tolerance.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { encodeJobs, type ArgumentSources } from "./encode-jobs.ts";
import { osUser } from "../../db/settings/os-user.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import type { Transaction } from "../../db/posting/transaction.ts";
import { activeTraceparent } from "./active-traceparent.ts";
import { AfterOption } from "./after.ts";
import type { GatherOptions } from "./gather.ts";
import type { OverOptions } from "./map-over.ts";
import type { PostOptions } from "./post-work.ts";
import { sweepOfSources } from "./product-sweep.ts";
import { Posting } from "../posting/posting.ts";
import type { Source } from "./source.ts";

/** The place of a posting. */
const places = {
  transaction: v.optional(
    v.custom<Transaction>(
      (input) => typeof Object(input ?? {}).query === "function",
      "expected a client of pg in a transaction, or the result of fromPostgres, " +
        "fromKysely, fromDrizzle, fromKnex or fromPrisma",
    ),
  ),
  root: v.optional(v.string("expected the path of a folder")),
  db: v.optional(v.string("expected the URL of a database")),
};
const Places = v.object(places);

const Options = v.strictObject({
  ...librarySchemas,
  after: AfterOption,
  priority: v.optional(
    v.union(
      [
        librarySchemas.priority.wrapped,
        v.custom<Source<number>>((input) => typeof input === "object" && input !== null),
      ],
      "expected a whole number of 32 bits, or a list of them",
    ),
    0,
  ),
  ...places,
});

type CheckedOptions = v.InferOutput<typeof Options>;

const GatherShape = v.strictObject({
  ...librarySchemas,
  after: AfterOption,
  ...places,
  groupSize: v.nullable(postingOptions.gatherSize.schema.wrapped),
  tolerate: v.optional(Tolerance, 0),
});

const OverShape = v.strictObject({ ...librarySchemas, after: AfterOption, ...places });

const noOptions = parse(Options, {}, "options of postWork");

/** Checks the options; quickly if none describes the posting itself, as in most posts. */
function checked(options: PostOptions): CheckedOptions {
  const isPlain = Object.keys(Object(options)).every((name) => Object.hasOwn(places, name));
  if (!isPlain) return parse(Options, options, "options of postWork");
  return { ...noOptions, ...parse(Places, options, "options of postWork") };
}

const source = "posargs and kwargs";

/** Of a posting of a flow: its flow and stage, and what it waits for. */
export type StagePlace = Pick<NewPosting, "flowId" | "stage" | "after" | "name">;

/** The implementation of `postWork`. */
export async function post(
  fn: JobFunction | string,
  sources: Pick<ArgumentSources, "posargs" | "kwargs">,
  options: PostOptions,
  place: StagePlace = {},
): Promise<Posting> {
  const { priority, ...parsed } = checked(options);
  const [base, priorities] = typeof priority === "number" ? [priority, undefined] : [0, priority];
  const entryPoint = await entryPointText(fn, parsed.root ?? process.cwd());
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const isPlain = priorities === undefined && schema === undefined;
  const sweep = isPlain ? sweepOfSources(sources.posargs, sources.kwargs) : null;
  const jobs = new JobStream(encodeJobs({ ...sources, priorities, schema }));
  try {
    // Before the transaction begins: most postings are one batch, and most faults are in it.
    if (!sweep && (await jobs.isEmpty())) throw new NothingToPost(source);
    const connection = connectionTo(parsed.db);
    const posting = { ...newPosting(entryPoint, base, parsed, connection), ...place };
    const { transaction } = parsed;
    const posted = transaction
      ? await postWithin(transaction, connection, (db, openSpan) =>
          insertPosting(db, posting, sweep ?? jobs, source, openSpan),
        )
      : await connection.use(({ posting: db }) =>
          insertPosting(db, posting, sweep ?? jobs, source),
        );
    return new Posting(connection, posted);
  } catch (error) {
    throw jobs.failure?.error ?? error;
  } finally {
    await jobs.close();
  }
}

/** The implementation of `gather` and `reduce`. */
export async function postGathering(
  fn: JobFunction | string,
  { posting: upstream, groupSize }: { posting: Posting; groupSize: number | null },
  { with: given = [], tolerate, ...options }: GatherOptions<JobFunction>,
  place: StagePlace = {},
): Promise<Posting> {
  const parsed = parse(GatherShape, { ...options, groupSize, tolerate }, "options of gather");
  const entryPoint = await entryPointText(fn, parsed.root ?? process.cwd());
  const connection =
    options.db === undefined ? Posting.connectionOf(upstream) : connectionTo(options.db);
  const posting = { ...newPosting(entryPoint, parsed.priority, parsed, connection), ...place };
  const gathering = {
    ...{ upstream: upstream.id, jobCount: upstream.jobCount, groupSize: parsed.groupSize },
    tolerated: parsed.tolerate,
    args: await encodedArguments(fn, given),
  };
  const { transaction } = parsed;
  const levels = transaction
    ? await postWithin(transaction, connection, (db, openSpan) =>
        insertLevelsIn(db, posting, gathering, openSpan),
      )
    : await connection.use(({ posting: db }) => insertLevels(db, posting, gathering));
  const last = levels.at(-1);
  if (!last) throw new Error("expected at least one level");
  return new Posting(connection, last);
}

/** The implementation of `mapOver`. */
export async function postOver(
  fn: JobFunction | string,
  upstream: Posting,
  { with: given = [], ...options }: OverOptions<JobFunction>,
  place: StagePlace = {},
): Promise<Posting> {
  const parsed = parse(OverShape, options, "options of mapOver");
  const entryPoint = await entryPointText(fn, parsed.root ?? process.cwd());
  const connection =
    options.db === undefined ? Posting.connectionOf(upstream) : connectionTo(options.db);
  const posting = { ...newPosting(entryPoint, parsed.priority, parsed, connection), ...place };
  const jobs = overPosting(upstream.id, upstream.jobCount, encodeArgs(given));
  const { transaction } = parsed;
  const posted = transaction
    ? await postWithin(transaction, connection, (db, openSpan) =>
        insertPosting(db, posting, jobs, source, openSpan),
      )
    : await connection.use(({ posting: db }) => insertPosting(db, posting, jobs, source));
  return new Posting(connection, posted);
}

/** The arguments of a job of `fn`, checked by its schema. */
async function encodedArguments(
  fn: JobFunction | string,
  given: readonly unknown[],
): Promise<string> {
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const sources = { posargs: [given], kwargs: [], priorities: undefined, schema };
  for await (const { args } of encodeJobs(sources)) return args[0] ?? "[]";
  return "[]";
}

/** The posting that options describe. */
function newPosting(
  entryPoint: string,
  priority: number,
  {
    root,
    db: _db,
    transaction: _transaction,
    project,
    ...shared
  }: Omit<CheckedOptions, "priority">,
  { target }: Connection,
): NewPosting {
  const folder = root ?? process.cwd();
  const source = { option: project ?? undefined, env: process.env, root: folder, target };
  return {
    ...{ entryPoint, priority, osUser: osUser(), ...shared },
    traceparent: shared.traceparent ?? activeTraceparent(),
    project: projectOfPosting(source, entryPoint),
  };
}

/** Posts in a transaction of the caller; the posting commits or rolls back with it. */
async function postWithin<T>(
  transaction: Transaction,
  connection: Connection,
  insert: (db: PostingDb, openSpan: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const callers = callerDb(transaction, connection.target.schema);
  let spansOpened = 0;
  try {
    await requireTransaction(callers);
    return await insert(callers, async () => {
      // Others may fill it in the meantime, but rarely 20 times in a row.
      if (spansOpened++ === 10) throw new SnapshotTooOld();
      await connection.use(({ posting }) => openSpanBy(posting));
    });
  } catch (error) {
    throw explainCallersError(error, connection.target);
  }
}

/** The entry point of a function, or a checked one. */
export async function entryPointText(fn: JobFunction | string, root: string): Promise<string> {
  return typeof fn === "string"
    ? formatEntryPoint(parseEntryPoint(fn))
    : await entryPointOf(fn, root);
}

/** Batches whose first one can be read before the others. */
class JobStream {
  /** An error from the user's own generator, not from the database. */
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
