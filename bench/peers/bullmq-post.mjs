// Posts jobs with BullMQ on PostgreSQL and prints how long that took in ms.
import { migrate, openQueue } from "./bullmq-queue.mjs";

const { url, jobs, batchSize, inFlight, task } = JSON.parse(process.argv[2]);
await migrate(url);
const queue = openQueue(task, url, inFlight);
await queue.waitUntilReady();

const spec = (i) => ({ name: task, data: [i, i / 2, `file-${i}.txt`] });
const batches = Math.ceil(jobs / batchSize);
let next = 0;
async function post() {
  for (let batch = next++; batch < batches; batch = next++) {
    const first = batch * batchSize;
    const size = Math.min(batchSize, jobs - first);
    await queue.addBulk(Array.from({ length: size }, (_, i) => spec(first + i)));
  }
}
const startedAt = performance.now();
await Promise.all(Array.from({ length: inFlight }, post));
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
await queue.close();
