import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import * as v from "valibot";

import { exitCodes } from "../domain/errors.ts";
import { parse } from "../domain/parse.ts";
import { type Ending, PoolProcess } from "./pool-process.ts";
import type { Posting } from "./posting.ts";
import type { PostingStatus } from "./posting-status.ts";
import type { WaitOptions } from "./wait-limit.ts";

export interface ClusterPoolOptions {
  /** How many jobs it runs at a time, each in its own process. Default: the number of cores. */
  maxWorkers?: number | undefined;
  /** The folder that entry points are relative to. Default: the current one. */
  root?: string | undefined;
  /** The program `pdoflow`. Default: `PDOFLOW_BINARY`, else the one on the PATH. */
  binary?: string | undefined;
  /** The URL of the database. Default: that of the environment, else the embedded server. */
  db?: string | undefined;
  /** How long `stop` lets jobs run on before it gives them up, in milliseconds. Default 30,000. */
  graceMs?: number | undefined;
}

const maxWorkersText = "expected a whole number of workers from 1 to 1024";
const Options = v.strictObject({
  maxWorkers: v.optional(
    v.pipe(
      v.number(maxWorkersText),
      v.integer(maxWorkersText),
      v.minValue(1, maxWorkersText),
      v.maxValue(1024, maxWorkersText),
    ),
  ),
  root: v.optional(v.string("expected the path of a folder")),
  binary: v.optional(v.string("expected the path of the program pdoflow")),
  db: v.optional(v.string("expected the URL of a database")),
  graceMs: v.optional(
    v.pipe(v.number("expected milliseconds"), v.minValue(0), v.maxValue(2 ** 31 - 1)),
    30_000,
  ),
});

const upkeepMs = 1_000;
/** One that fails so soon after its start would fail again and again. */
const stillbornMs = 5_000;

/**
 * A pool on this machine, as a child process that runs until it is stopped or this process ends:
 * `pdoflow pool`, which runs the jobs of all postings, not only those of this script.
 *
 * @example
 * await using pool = new ClusterPool({ maxWorkers: 16 });
 * await pool.awaitCompletion(await postWork(fit, [[1], [2]]));
 * @throws {InvalidInput} an option has the wrong shape.
 */
export class ClusterPool implements AsyncDisposable {
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #graceMs: number;
  #process: PoolProcess | undefined;
  #isStopped = false;

  constructor(options: ClusterPoolOptions = {}) {
    const { maxWorkers, root, binary, db, graceMs } = parse(
      Options,
      options,
      "options of ClusterPool",
    );
    this.#command = [
      ...program(binary),
      "pool",
      "--max-workers",
      String(maxWorkers ?? availableParallelism()),
      "--root",
      resolve(root ?? "."),
    ];
    // Not an argument: those are for everyone on the machine to see, with the password.
    this.#env = db === undefined ? process.env : { ...process.env, PDOFLOW_DATABASE_URL: db };
    this.#graceMs = graceMs;
    this.#process = this.#start();
  }

  /** The process of the pool; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts the pool again if it was killed or crashed. Call it now and then while you wait for
   * something else than `awaitCompletion`.
   *
   * @example if ((await pool.upkeep()).restarted) console.warn("the pool had died");
   * @throws {PoolFailed} it could not be started, failed within five seconds, or ended because of
   * what must be corrected first (exit codes 2 to 4). The call after that starts it again.
   */
  async upkeep(): Promise<{ restarted: boolean }> {
    if (this.#isStopped) return { restarted: false };
    const last = this.#process;
    if (last && last.ending === undefined) return { restarted: false };
    this.#process = undefined;
    if (last?.ending && !isMishap(last.ending, last.livedMs)) throw last.failure(last.ending);
    this.#process = this.#start();
    return { restarted: true };
  }

  /**
   * Waits for a posting as its `wait` does, and sees to it that this pool runs meanwhile.
   *
   * @example const { done, failed } = await pool.awaitCompletion(posting);
   * @throws {PoolFailed} as `upkeep`; {WaitTimedOut} and others as `Posting.wait`.
   */
  async awaitCompletion(posting: Posting, options: WaitOptions = {}): Promise<PostingStatus> {
    const over = new AbortController();
    const signals = options.signal ? [options.signal, over.signal] : [over.signal];
    try {
      return await Promise.race([
        posting.wait({ ...options, signal: AbortSignal.any(signals) }),
        this.#keepUp(over.signal),
      ]);
    } finally {
      over.abort();
    }
  }

  /**
   * Stops the pool: jobs that run may end within `graceMs`, after that they are given back, and
   * another pool runs them again. `await using` does it at the end of its block.
   *
   * @throws {PoolFailed} it had ended before, or did not end in an orderly way.
   */
  async stop(): Promise<void> {
    const last = this.#process;
    this.#isStopped = true;
    this.#process = undefined;
    if (last === undefined) return;
    const ending = last.ending ?? (await last.stop(this.#graceMs));
    // SIGTERM: it was not up yet when it was asked to stop.
    const isOrderly =
      ending.kind === "exited"
        ? ending.code === 0
        : "signal" in ending && ending.signal === "SIGTERM";
    if (!isOrderly) throw last.failure(ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #start(): PoolProcess {
    return new PoolProcess(this.#command, this.#env);
  }

  async #keepUp(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(upkeepMs, undefined, { signal });
      await this.upkeep();
    }
  }
}

/** Whether starting it again may help. */
function isMishap(ending: Ending, livedMs: number): boolean {
  if (ending.kind !== "exited") return ending.kind === "killed";
  const refusals: readonly number[] = [exitCodes.usage, exitCodes.database, exitCodes.notFound];
  return !refusals.includes(ending.code) && (ending.code === 0 || livedMs > stillbornMs);
}

/** The command that starts pdoflow. */
function program(binary: string | undefined): string[] {
  const named = binary ?? process.env["PDOFLOW_BINARY"];
  if (named) return [named];
  // In a source checkout; a bundle of this file lies elsewhere.
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  if (process.versions["bun"] && existsSync(main)) return [process.execPath, main];
  return ["pdoflow"];
}
