// Posts jobs with pg-boss and prints how long that took in ms.
import { openBoss } from "./pgboss-queue.mjs";
import { postBatches } from "./post-batches.mjs";

const { url, task, ...sizes } = JSON.parse(process.argv[2]);
const boss = await openBoss(url, sizes.inFlight + 1);
await boss.createQueue(task);
const spec = (args) => ({ data: { args } }); // an object or null
await postBatches(sizes, spec, (jobs) => boss.insert(task, jobs));
await boss.stop({ graceful: false });
