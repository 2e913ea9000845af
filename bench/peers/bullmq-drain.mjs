// Runs jobs with BullMQ until there are none left, and deletes each one that is done.
import { openWorker } from "./bullmq-queue.mjs";
import { kept, noop } from "./tasks.mjs";

const { url, task, concurrency } = JSON.parse(process.argv[2]);
const run = { kept, noop }[task];
const worker = openWorker(task, async ({ data }) => run(...data), {
  ...{ url, max: concurrency + 1, concurrency },
  removeOnComplete: { count: 0 },
});
worker.on("error", (error) => {
  throw error;
});
await new Promise((resolve) => worker.once("drained", resolve));
await worker.close();
