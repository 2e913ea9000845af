import { randomBytes } from "node:crypto";

import * as v from "valibot";

import { explainDatabaseError } from "../db/connection/connect.ts";
import { openDatabase } from "../db/connection/open.ts";
import { dropSchema, hasten, makeSchema } from "../db/admin/throwaway.ts";
import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { type Connection, connectionTo } from "./connection/connection.ts";
import { startInProcess } from "./pool/in-process-pool.ts";
import type { Posting } from "./posting/posting.ts";
import type { PostingStatus } from "./wait/posting-status.ts";

export interface TestQueueOptions {
  /** The URL of a database in which to create a schema. Default: that of the environment. */
  db?: string | undefined;
  /** The folder that entry points are relative to. Default: the current one. */
  root?: string | undefined;
}

const Options = v.strictObject({
  db: v.optional(v.string("expected the URL of a database")),
  root: v.optional(v.string("expected the path of a folder")),
});
const Concurrency = v.optional(
  v.pipe(v.number("expected a number of jobs"), v.integer(), v.minValue(1), v.maxValue(10_000)),
  1,
);

const hastenEveryMs = 10;

/** A second queue was opened while the first was open. */
class TestQueueIsOpen extends PdoflowError {
  override readonly name = "TestQueueIsOpen";
  readonly exitCode = exitCodes.usage;
  constructor() {
    super(
      "Expected one test queue at a time in a process, found one that is still open, to which " +
        "all postings go. Close it first, as `await using` does at the end of its block.",
    );
  }
}

let isOpen = false;

/**
 * Creates a queue for one test: a separate schema, to which everything in this process posts until
 * it is closed, no matter which code calls `postWork`. No pool is started: call `run` to run the
 * posted jobs.
 *
 * @example
 * await using queue = await openTestQueue();
 * const posting = await postWork(fit, [[1], [2]]);
 * expect(await queue.run(posting)).toMatchObject({ done: 2 });
 * @throws {NoDatabase} {DatabaseUnavailable} {DatabaseRefused}
 */
export async function openTestQueue(options: TestQueueOptions = {}): Promise<TestQueue> {
  const { db, root = "." } = parse(Options, options, "options of openTestQueue");
  if (isOpen) throw new TestQueueIsOpen();
  isOpen = true;
  const restore = setEnvironment({
    PDOFLOW_SCHEMA: `pdoflow_test_${randomBytes(8).toString("hex")}`,
    ...(db === undefined ? {} : { PDOFLOW_DATABASE_URL: db }),
  });
  const leave = () => {
    restore();
    isOpen = false;
  };
  let connection: Connection | undefined;
  try {
    connection = connectionTo(undefined);
    await using admin = await openDatabase(connection.target, { connections: 1 });
    await makeSchema(admin);
    return new TestQueue(connection, root, leave);
  } catch (error) {
    leave();
    throw connection ? explainDatabaseError(error, connection.target) : error;
  }
}

/** A queue of a test; created by `openTestQueue`. */
export class TestQueue implements AsyncDisposable {
  /** Its schema; pass it to other processes as `PDOFLOW_SCHEMA`. */
  readonly schema: string;
  readonly #connection: Connection;
  readonly #root: string;
  readonly #leave: () => void;
  #isClosed = false;

  /** @internal */
  constructor(connection: Connection, root: string, leave: () => void) {
    this.schema = connection.target.schema;
    this.#connection = connection;
    this.#root = root;
    this.#leave = leave;
  }

  /**
   * Runs all waiting jobs, and the jobs that they post, in this process and at once: retries do not
   * wait for their backoff, nor postings for their `runAt`. Resolves with the counts of the posting
   * when nothing is left to run.
   *
   * @example const { done, failed } = await queue.run(posting);
   * @throws the errors of `Posting.status`.
   */
  async run(posting: Posting, options: { concurrency?: number } = {}): Promise<PostingStatus> {
    const concurrency = parse(Concurrency, options.concurrency, "concurrency");
    await this.#hasten(); // before the pool may find that nothing is left
    const pool = await startInProcess(this.#connection.target, {
      ...{ concurrency, root: this.#root, project: "*", once: true, graceMs: 0, log: () => {} },
    });
    const finished = pool.finished();
    const over = finished.then(
      () => true,
      () => true, // reported below
    );
    while (!(await Promise.race([over, pause()]))) await this.#hasten();
    await finished;
    return await posting.status();
  }

  async #hasten(): Promise<void> {
    await this.#connection.use(({ reading }) => hasten(reading));
  }

  /** Removes all postings and the schema: `await using` does this at the end of its block. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
    await this.#connection.close();
    await using admin = await openDatabase(this.#connection.target, { connections: 1 });
    await dropSchema(admin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const pause = () =>
  new Promise<false>((resolve) => {
    setTimeout(resolve, hastenEveryMs, false);
  });

/** Returns a function that restores the old value. */
function setEnvironment(values: Record<string, string>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
