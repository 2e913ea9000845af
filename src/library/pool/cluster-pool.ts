import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import * as v from "valibot";

import { parseResources } from "../../domain/capabilities.ts";
import { parse } from "../../domain/parse.ts";
import { PoolProcess } from "./pool-process.ts";
import type { Posting } from "../posting/posting.ts";
import type { PostingStatus } from "../wait/posting-status.ts";
import { ProgramPool } from "./program-pool.ts";
import type { WaitOptions } from "../wait/wait-limit.ts";

/** The options of a pool. */
export interface ClusterPoolOptions {
  /**
   * The number of jobs that it runs at a time, each in a separate process. Default: the number of
   * cores.
   */
  maxWorkers?: number | undefined;
  /**
   * Instead of `maxWorkers`: runs at most this many jobs at a time in this process, without workers
   * and without the program `pdoflow`. For jobs that mostly wait.
   */
  concurrency?: number | undefined;
  /** The folder that entry points are relative to. Default: the current one. */
  root?: string | undefined;
  /**
   * Runs the postings of this project and of no project; "*" for all postings. Default:
   * `PDOFLOW_PROJECT`, else the project of `root` (docs/code.md).
   */
  project?: string | undefined;
  /** The program `pdoflow`. Default: `PDOFLOW_BINARY`, else the one on the PATH. */
  binary?: string | undefined;
  /** The URL of the database. Default: that of the environment, else the embedded server. */
  db?: string | undefined;
  /**
   * Resources that jobs can take or need, each as `--resource` takes it, such as ["gpu=0,1",
   * "mem=64G"]. Default: the cpus, memory and gpus of this machine (docs/resources.md); with
   * `concurrency` none, so that jobs which take some wait for other pools.
   */
  resources?: readonly string[] | undefined;
  /**
   * Environment variables that jobs see in addition to the usual ones (docs/security.md), such as
   * ["LICENCE", "AWS_*"]; ["*"] for all except those with access to the database.
   */
  env?: readonly string[] | undefined;
  /** Runs only jobs that this database role and this operating system user have posted. */
  onlyMine?: boolean | undefined;
  /** Runs only jobs of these database roles or users, such as ["ann", "bob"]. */
  posters?: readonly string[] | undefined;
  /**
   * The percentage of jobs to profile; `pdoflow profile 42` makes flame graphs from the samples.
   * Default 0.
   */
  profilePercent?: number | undefined;
  /**
   * How long `stop` lets running jobs continue before it releases them, in milliseconds. Default
   * 30,000.
   */
  graceMs?: number | undefined;
}

const maxWorkersText = "expected a whole number of workers from 1 to 1024";
const concurrencyText = "expected a whole number of jobs from 1 to 10,000";
const posterText = 'expected names of roles or users, such as ["ann", "bob"]';
const resourcesText = 'expected resources such as ["gpu=0,1", "mem=64G"]';
const envText = 'expected names of variables, such as ["LICENCE", "AWS_*"]';
const shareText = "expected a share of the jobs, from 0 to 100 percent";
const Shape = v.strictObject({
  concurrency: v.optional(
    v.pipe(
      v.number(concurrencyText),
      v.integer(concurrencyText),
      v.minValue(1, concurrencyText),
      v.maxValue(10_000, concurrencyText),
    ),
  ),
  maxWorkers: v.optional(
    v.pipe(
      v.number(maxWorkersText),
      v.integer(maxWorkersText),
      v.minValue(1, maxWorkersText),
      v.maxValue(1024, maxWorkersText),
    ),
  ),
  root: v.optional(v.string("expected the path of a folder")),
  project: v.optional(v.string("expected the name of a project")),
  binary: v.optional(v.string("expected the path of the program pdoflow")),
  db: v.optional(v.string("expected the URL of a database")),
  resources: v.optional(v.array(v.string(resourcesText), resourcesText)),
  env: v.optional(v.array(v.pipe(v.string(envText), v.regex(/^[^,]+$/, envText)), envText)),
  onlyMine: v.optional(v.boolean("expected true or false"), false),
  posters: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(posterText), v.regex(/^[^,\s-][^,]*$/, posterText)), posterText),
      v.minLength(1, "expected a name at least: without posters nothing would be run"),
    ),
  ),
  profilePercent: v.optional(
    v.pipe(v.number(shareText), v.minValue(0, shareText), v.maxValue(100, shareText)),
  ),
  graceMs: v.optional(
    v.pipe(v.number("expected milliseconds"), v.minValue(0), v.maxValue(2 ** 31 - 1)),
    30_000,
  ),
});
const Options = v.pipe(
  Shape,
  v.check(
    (given) => given.concurrency === undefined || !asksForProcesses(given),
    "expected concurrency (jobs run in this process) or maxWorkers, binary, env, " +
      "posters, onlyMine and profilePercent (jobs run in processes of their own), not both",
  ),
);

function asksForProcesses({ onlyMine, ...given }: v.InferOutput<typeof Shape>): boolean {
  const { concurrency: _c, root: _r, project: _p, db: _d, graceMs: _g, ...rest } = given;
  const { resources: _s, ...ofProcesses } = rest;
  return onlyMine || Object.values(ofProcesses).some((each) => each !== undefined);
}

const upkeepMs = 1_000;

/**
 * A pool on this machine, as a child process that runs until it is stopped or this process ends.
 * Like `pdoflow pool`, it runs the jobs of all postings, not only those of this script. With
 * `concurrency`, it is a pool in this process.
 *
 * @example
 * await using pool = new ClusterPool({ maxWorkers: 16 });
 * await pool.awaitCompletion(await postWork(fit, [[1], [2]]));
 * @throws {InvalidInput} an option has the wrong shape.
 */
export class ClusterPool implements AsyncDisposable {
  readonly #start: () => PoolProcess | ProgramPool;
  readonly #graceMs: number;
  #pool: PoolProcess | ProgramPool | undefined;
  #isStopped = false;

  constructor(options: ClusterPoolOptions = {}) {
    const parsed = parse(Options, options, "options of ClusterPool");
    const {
      maxWorkers,
      concurrency,
      binary,
      db,
      graceMs,
      resources = [],
      posters,
      project,
    } = parsed;
    const { env: handsOn, profilePercent } = parsed;
    const root = resolve(parsed.root ?? ".");
    parseResources(resources, {}, "resources"); // reports a wrong one here, not in the pool
    const log = (line: string) => void process.stderr.write(`pool: ${line}\n`);
    const workers = String(maxWorkers ?? availableParallelism());
    const command = [
      ...[...program(binary), "pool", "--max-workers", workers, "--root", root],
      ...(handsOn === undefined ? [] : ["--env", handsOn.join(",")]),
      ...(project === undefined ? [] : [`--project=${project}`]),
      ...resources.flatMap((each) => ["--resource", each]),
      ...(parsed.onlyMine ? ["--only-mine"] : []),
      ...(posters === undefined ? [] : ["--posters", posters.join(",")]),
      ...(profilePercent === undefined ? [] : [`--profile=${profilePercent.toFixed(3)}%`]),
    ];
    // Not an argument: everyone on the machine can see arguments, and this has the password.
    const env = db === undefined ? process.env : { ...process.env, PDOFLOW_DATABASE_URL: db };
    this.#start = () =>
      concurrency === undefined
        ? new PoolProcess(command, env)
        : new ProgramPool(db, {
            ...{ concurrency, resources, root, project, once: false, graceMs, log },
          });
    this.#graceMs = graceMs;
    this.#pool = this.#start();
  }

  /** The process of the pool, which may be this one; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#pool?.pid;
  }

  /**
   * Starts the pool again if it was killed or crashed. Call it from time to time while you wait for
   * something other than `awaitCompletion`.
   *
   * @example if ((await pool.upkeep()).restarted) console.warn("the pool had died");
   * @throws {PoolFailed} it could not be started, failed within five seconds, or ended because of
   * something that must be corrected first (exit codes 2 to 4). The next call starts it again.
   */
  async upkeep(): Promise<{ restarted: boolean }> {
    if (this.#isStopped) return { restarted: false };
    const last = this.#pool;
    if (last?.hasEnded === false) return { restarted: false };
    this.#pool = undefined;
    if (last && !last.isMishap) throw last.failure();
    this.#pool = this.#start();
    return { restarted: true };
  }

  /**
   * Waits for a posting as its `wait` does, and keeps this pool running meanwhile.
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
   * Stops the pool: running jobs may end within `graceMs`; then they are released, and another pool
   * runs them again. `await using` does this at the end of its block.
   *
   * @throws {PoolFailed} it had ended before, or did not end in an orderly way.
   */
  async stop(): Promise<void> {
    const last = this.#pool;
    this.#isStopped = true;
    this.#pool = undefined;
    await last?.end(this.#graceMs);
  }

  /** As `stop`, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #keepUp(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(upkeepMs, undefined, { signal });
      await this.upkeep();
    }
  }
}

/** The command that starts pdoflow. */
function program(binary: string | undefined): string[] {
  const named = binary ?? process.env["PDOFLOW_BINARY"];
  if (named) return [named];
  if (!process.versions["bun"]) return ["pdoflow"];
  // In a source checkout; a bundle of this file is elsewhere. Not `new URL`: bundlers that see one
  // with import.meta.url look for the file.
  const main = join(dirname(fileURLToPath(import.meta.url)), "../../main.ts");
  return existsSync(main) ? [process.execPath, main] : ["pdoflow"];
}
