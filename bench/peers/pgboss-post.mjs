// Posts jobs with pg-boss and prints how long that took in ms.
import { openBoss } from "./pgboss-queue.mjs";

const { url, jobs, batchSize, inFlight, task } = JSON.parse(process.argv[2]);
const boss = await openBoss(url, inFlight + 1);
await boss.createQueue(task);

// Its data is an object or null.
const spec = (i) => ({ data: { args: [i, i / 2, `file-${i}.txt`] } });
const batches = Math.ceil(jobs / batchSize);
let next = 0;
async function post() {
  for (let batch = next++; batch < batches; batch = next++) {
    const first = batch * batchSize;
    const size = Math.min(batchSize, jobs - first);
    await boss.insert(
      task,
      Array.from({ length: size }, (_, i) => spec(first + i)),
    );
  }
}
const startedAt = performance.now();
await Promise.all(Array.from({ length: inFlight }, post));
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
await boss.stop({ graceful: false });
