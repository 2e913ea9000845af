import { CodeWatch } from "./entry/code-watch.ts";
import { Dispatcher } from "./run/dispatcher.ts";
import type { PoolOptions } from "./options.ts";
import type { WorkerOptions } from "./run/worker-process.ts";

/** The options of a pool whose jobs run in so many worker processes. */
export const withWorkers = (
  maxWorkers: number,
  worker: WorkerOptions,
  { reloads }: { reloads: boolean },
): Pick<PoolOptions, "maxWorkers" | "makeRunner" | "codeWatch"> => ({
  maxWorkers,
  makeRunner: (listener) => new Dispatcher(maxWorkers, worker, listener),
  codeWatch: new CodeWatch(worker.root, { reloads }),
});
