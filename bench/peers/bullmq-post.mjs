// Posts jobs with BullMQ on PostgreSQL and prints how long that took in ms.
import { migrate, openQueue } from "./bullmq-queue.mjs";
import { postBatches } from "./post-batches.mjs";

const { url, task, ...sizes } = JSON.parse(process.argv[2]);
await migrate(url);
const queue = openQueue(task, url, sizes.inFlight);
await queue.waitUntilReady();
const spec = (data) => ({ name: task, data });
await postBatches(sizes, spec, (jobs) => queue.addBulk(jobs));
await queue.close();
