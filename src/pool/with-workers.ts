import { CodeWatch } from "./entry/code-watch.ts";
import { Dispatcher } from "./run/dispatcher.ts";
import type { PoolOptions } from "./options.ts";
import type { WorkerOptions } from "./run/worker-process.ts";

/** The options of a pool that runs its jobs in worker processes. */
export const withWorkers = (
  maxWorkers: number,
  worker: WorkerOptions,
  { reloads }: { reloads: boolean },
): Pick<PoolOptions, "maxWorkers" | "makeRunner" | "codeWatch"> => ({
  maxWorkers,
  makeRunner: (context) => new Dispatcher(maxWorkers, worker, context),
  codeWatch: new CodeWatch(worker.root, { reloads }),
});
