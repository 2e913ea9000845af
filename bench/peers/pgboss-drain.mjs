// Runs jobs with pg-boss until there are none left: fetches a batch, runs it, completes it.
import { kept, noop } from "./tasks.mjs";
import { openBoss } from "./pgboss-queue.mjs";

const { url, task, batchSize, loops, ordered } = JSON.parse(process.argv[2]);
const boss = await openBoss(url, loops + 1);
const options = { batchSize, priority: ordered, orderByCreatedOn: ordered };
const run = { kept, noop }[task];
async function loop() {
  for (;;) {
    const jobs = await boss.fetch(task, options);
    if (jobs.length === 0) return;
    for (const { data } of jobs) run(...data.args);
    await boss.complete(
      task,
      jobs.map(({ id }) => id),
    );
  }
}
await Promise.all(Array.from({ length: loops }, loop));
await boss.stop({ graceful: false });
