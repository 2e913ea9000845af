// Posts jobs with graphile-worker and prints how long that took in ms.
import { Logger, makeWorkerUtils } from "graphile-worker";

const { url, jobs, batchSize, inFlight, task } = JSON.parse(process.argv[2]);
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ connectionString: url, logger, maxPoolSize: inFlight });
await utils.migrate();

const spec = (i) => ({ identifier: task, payload: [i, i / 2, `file-${i}.txt`] });
const batches = Math.ceil(jobs / batchSize);
let next = 0;
async function post() {
  for (let batch = next++; batch < batches; batch = next++) {
    const first = batch * batchSize;
    const size = Math.min(batchSize, jobs - first);
    await utils.addJobs(Array.from({ length: size }, (_, i) => spec(first + i)));
  }
}
const startedAt = performance.now();
await Promise.all(Array.from({ length: inFlight }, post));
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
await utils.release();
