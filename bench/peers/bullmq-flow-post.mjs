// Posts elements of two jobs each with BullMQ's FlowProducer, and prints how long that took in ms.
// A parent waits for its children: the second stage is the parent.
import { migrate, openFlows, openQueue } from "./bullmq-queue.mjs";
import { postBatches } from "./post-batches.mjs";

const { url, task, ...sizes } = JSON.parse(process.argv[2]);
await migrate(url);
const queue = openQueue("one", url, 1);
await queue.waitUntilReady();
const flows = openFlows(url, sizes.inFlight);
await flows.waitUntilReady();
const spec = (data) => ({
  ...{ name: task, queueName: "two", data },
  children: [{ name: task, queueName: "one", data }],
});
await postBatches(sizes, spec, (jobs) => flows.addBulk(jobs));
await flows.close();
await queue.close();
