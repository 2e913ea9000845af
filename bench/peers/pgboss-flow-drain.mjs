// Runs the jobs of both stages with pg-boss until there are none left. After each batch of the first
// stage it unblocks the jobs behind it at once: left alone, pg-boss does this every five seconds.
import { openBoss } from "./pgboss-queue.mjs";
import { noop } from "./tasks.mjs";

const { url, batchSize, loops, ordered } = JSON.parse(process.argv[2]);
const boss = await openBoss(url, loops + 1);
const options = { batchSize, priority: ordered, orderByCreatedOn: ordered };
async function runBatch(queue) {
  const jobs = await boss.fetch(queue, options);
  for (const { data } of jobs) noop(...data.args);
  const ids = jobs.map(({ id }) => id);
  if (ids.length > 0) await boss.complete(queue, ids);
  return ids.length > 0;
}
async function loop() {
  for (;;) {
    if (await runBatch("one")) await boss.resolveFlow();
    else if (!(await runBatch("two"))) return;
  }
}
await Promise.all(Array.from({ length: loops }, loop));
await boss.stop({ graceful: false });
