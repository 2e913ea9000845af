import { build } from "../version.ts";
import { CodeWatch } from "./entry/code-watch.ts";
import { poolDefaults } from "./options.ts";
import { Dispatcher } from "./run/dispatcher.ts";
import type { RunnerContext } from "./run/runner.ts";
import type { WorkerOptions } from "./run/worker-process.ts";

/** The process of a pool. */
interface HostProcess {
  host: string;
  pid: number;
  osUser: () => string;
}

/** The options, with their defaults, of a pool that runs its jobs in worker processes. */
export const workerPool = (
  { host, pid, osUser }: HostProcess,
  maxWorkers: number,
  worker: WorkerOptions,
  { reloads = false } = {},
) => ({
  ...poolDefaults,
  host,
  pid,
  version: build,
  osUser: osUser(),
  maxWorkers,
  makeRunner: (context: RunnerContext) => new Dispatcher(maxWorkers, worker, context),
  codeWatch: new CodeWatch(worker.root, { reloads }),
});
