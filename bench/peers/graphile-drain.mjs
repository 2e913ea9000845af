// Runs jobs with graphile-worker until there are none left.
import { Logger, runOnce } from "graphile-worker";

import { kept, noop } from "./tasks.mjs";

const { url, concurrency, localQueue, completeDelayMs } = JSON.parse(process.argv[2]);
await runOnce({
  logger: new Logger(() => () => {}),
  noHandleSignals: true,
  taskList: { noop: (args) => noop(...args), kept: (args) => kept(...args) },
  preset: {
    worker: {
      connectionString: url,
      concurrentJobs: concurrency,
      maxPoolSize: concurrency + 1,
      localQueue: { size: localQueue },
      completeJobBatchDelay: completeDelayMs,
      failJobBatchDelay: completeDelayMs,
    },
  },
});
