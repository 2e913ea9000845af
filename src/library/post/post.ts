import * as v from "valibot";

import type { JobBatch } from "../../db/posting/batches.ts";
import {
  callerDb,
  explainCallersError,
  requireTransaction,
  SnapshotTooOld,
} from "../../db/posting/caller-transaction.ts";
import {
  insertPosting,
  type JobsToPost,
  type NewPosting,
  openSpanBy,
  type Posted,
} from "../../db/posting/insert.ts";
import { formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { NothingToPost } from "../../domain/errors.ts";
import { entryPointOf } from "../../job/job-entry-point.ts";
import { type JobFunction, schemaOf } from "../../job/job-mark.ts";
import { parse } from "../../domain/parse.ts";
import { librarySchemas } from "../../domain/posting-options.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { encodeJobs, type ArgumentSources } from "./encode-jobs.ts";
import { osUser } from "../../db/settings/os-user.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import type { Transaction } from "../../db/posting/transaction.ts";
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

const noOptions = parse(Options, {}, "options of postWork");

/** Checks the options; quickly if none describes the posting itself, as in most posts. */
function checked(options: PostOptions): v.InferOutput<typeof Options> {
  const isPlain = Object.keys(Object(options)).every((name) => Object.hasOwn(places, name));
  if (!isPlain) return parse(Options, options, "options of postWork");
  return { ...noOptions, ...parse(Places, options, "options of postWork") };
}

const source = "posargs and kwargs";

/** The implementation of `postWork`. */
export async function post(
  fn: JobFunction | string,
  sources: Pick<ArgumentSources, "posargs" | "kwargs">,
  options: PostOptions,
): Promise<Posting> {
  const { priority, root, db, transaction, project, ...shared } = checked(options);
  const [base, priorities] = typeof priority === "number" ? [priority, undefined] : [0, priority];
  const entryPoint = await entryPointText(fn, root ?? process.cwd());
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const isPlain = priorities === undefined && schema === undefined;
  const sweep = isPlain ? sweepOfSources(sources.posargs, sources.kwargs) : null;
  const jobs = new JobStream(encodeJobs({ ...sources, priorities, schema }));
  try {
    // Before the transaction begins: most postings are one batch, and most faults are in it.
    if (!sweep && (await jobs.isEmpty())) throw new NothingToPost(source);
    const connection = connectionTo(db);
    const posting = {
      ...{ entryPoint, priority: base, osUser: osUser(), ...shared },
      project: projectOfPosting(
        {
          option: project ?? undefined,
          env: process.env,
          root: root ?? process.cwd(),
          target: connection.target,
        },
        entryPoint,
      ),
    };
    const posted = transaction
      ? await postWithin(transaction, connection, posting, sweep ?? jobs)
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

/** Posts in a transaction of the caller; the posting commits or rolls back with it. */
async function postWithin(
  transaction: Transaction,
  connection: Connection,
  posting: NewPosting,
  jobs: JobsToPost,
): Promise<Posted> {
  const callers = callerDb(transaction, connection.target.schema);
  let spansOpened = 0;
  try {
    await requireTransaction(callers);
    return await insertPosting(callers, posting, jobs, source, async () => {
      // Others may fill it in the meantime, but rarely 20 times in a row.
      if (spansOpened++ === 10) throw new SnapshotTooOld();
      await connection.use(({ posting }) => openSpanBy(posting));
    });
  } catch (error) {
    throw explainCallersError(error, connection.target);
  }
}

async function entryPointText(fn: JobFunction | string, root: string): Promise<string> {
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
