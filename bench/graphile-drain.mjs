// Runs no-op jobs with graphile-worker until there are none left.
import { Logger, runOnce } from "graphile-worker";

const { url, concurrency, localQueue, completeDelayMs } = JSON.parse(process.argv[2]);
await runOnce({
  logger: new Logger(() => () => {}),
  noHandleSignals: true,
  taskList: { noop: ([_number, _float, _name]) => {} },
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
