import { createRequire } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";

import { osUser } from "../../db/settings/os-user.ts";
import type { Target } from "../../db/settings/target.ts";
import { parseResources } from "../../domain/capabilities.ts";
import { entryPointOf } from "../../job/job-entry-point.ts";
import { markedJobs } from "../../job/job-mark.ts";
import { InProcessRunner } from "../../pool/run/in-process-runner.ts";
import { type EntryFunction, loadPosted } from "../../pool/entry/load-entry-point.ts";
import { missingCode } from "../../pool/worker/missing-code.ts";
import { poolDefaults } from "../../pool/options.ts";
import { Pool } from "../../pool/pool.ts";
import { projectOfPool } from "../../pool/entry/project.ts";
import { RootWatch } from "../../pool/entry/root-watch.ts";

export interface InProcessPoolOptions {
  concurrency: number;
  /** What its jobs take or need, as the values of `--resource`; nothing by default. */
  resources?: readonly string[] | undefined;
  root: string;
  /** The option that names its project; by default the project of the root. */
  project?: string | undefined;
  /** End when nothing is left to run, including retries. */
  once: boolean;
  graceMs: number;
  log: (line: string) => void;
}

/** Starts a pool that runs its jobs in this process. */
export async function startInProcess(
  target: Target,
  { concurrency, resources = [], root, project: option, ...options }: InProcessPoolOptions,
): Promise<Pool> {
  const provides = parseResources(resources, {}, "resources");
  const jobs = new OwnJobs(root);
  const { name, version } = runtime();
  return await Pool.start(target, {
    ...poolDefaults,
    ...options,
    provides,
    host: hostname(),
    pid: process.pid,
    osUser: osUser(),
    version: `in a program (${name} ${version})`,
    project: projectOfPool({ option, env: process.env, root, target }),
    codeWatch: new RootWatch(async (entryPoint) => {
      jobs.forget(entryPoint);
      return (await missingCode(jobs.load(entryPoint))) === null;
    }),
    maxWorkers: concurrency,
    makeRunner: (context) =>
      new InProcessRunner(
        { concurrency, provides, root, load: (entry) => jobs.load(entry) },
        context,
      ),
  });
}

function runtime() {
  const { bun, node } = process.versions;
  return bun === undefined ? { name: "node", version: node } : { name: "bun", version: bun };
}

/** The functions of entry points, as loaded in this process. */
class OwnJobs {
  readonly #root: string;
  readonly #loaded = new Map<string, Promise<EntryFunction>>();
  /** Marked functions, by their entry points. */
  readonly #own = new Map<string, EntryFunction>();
  readonly #asked = new WeakSet<object>();
  #asking: Promise<void> = Promise.resolve();

  constructor(root: string) {
    this.#root = root;
  }

  load(entryPoint: string): Promise<EntryFunction> {
    const loaded = this.#loaded.get(entryPoint) ?? this.#find(entryPoint);
    this.#loaded.set(entryPoint, loaded);
    return loaded;
  }

  /** A function that was missing may exist by now. */
  forget(entryPoint: string): void {
    this.#loaded.delete(entryPoint);
  }

  /**
   * A function that this process has marked already is used as it is; else the file is imported.
   */
  async #find(entryPoint: string): Promise<EntryFunction> {
    this.#asking = this.#asking.then(() => this.#ask());
    await this.#asking;
    const own = this.#own.get(entryPoint);
    if (own) return own;
    return await loadPosted(this.#root, entryPoint, (module, folder) =>
      createRequire(join(folder, "package.json")).resolve(module),
    );
  }

  /** Finds the entry points of functions that were marked since the last call. */
  async #ask(): Promise<void> {
    for (const fn of markedJobs()) {
      if (this.#asked.has(fn)) continue;
      this.#asked.add(fn);
      // A function that cannot be posted has no entry point.
      const own = await entryPointOf(fn, this.#root).catch(() => null);
      if (own !== null) this.#own.set(own, fn as EntryFunction);
    }
  }
}
