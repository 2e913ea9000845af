// Posts elements of two jobs each with flow() of pg-boss, and prints how long that took in ms.
import { openBoss } from "./pgboss-queue.mjs";
import { postBatches } from "./post-batches.mjs";

const { url, task: _task, ...sizes } = JSON.parse(process.argv[2]);
const boss = await openBoss(url, sizes.inFlight + 1);
for (const queue of ["one", "two"]) await boss.createQueue(queue);
const spec = (args) => [
  { ref: `one-${args[0]}`, name: "one", data: { args } },
  { ref: `two-${args[0]}`, name: "two", data: { args }, dependsOn: [`one-${args[0]}`] },
];
await postBatches(sizes, spec, (elements) => boss.flow(elements.flat()));
await boss.stop({ graceful: false });
