// Runs no-op jobs with graphile-worker until there are none left, and prints how many it ran.
import { Logger, runOnce } from "graphile-worker";

const { url, concurrency, localQueue, completeDelayMs } = JSON.parse(process.argv[2]);
let done = 0;
const noop = ([_number, _float, _name]) => {
  done++;
};
await runOnce({
  logger: new Logger(() => () => {}),
  noHandleSignals: true,
  taskList: { noop },
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
console.log(JSON.stringify({ done }));
