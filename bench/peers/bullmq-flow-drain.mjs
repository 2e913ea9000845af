// Runs the jobs of both stages with BullMQ until there are none left, and deletes each one that is
// done.
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { openWorker } from "./bullmq-queue.mjs";
import { noop } from "./tasks.mjs";

const { url, concurrency } = JSON.parse(process.argv[2]);
const client = new Client({ connectionString: url });
await client.connect();
// Each stage gets half: a server has 100 connections, and each job takes one.
const half = Math.ceil(concurrency / 2);
const workers = ["one", "two"].map((queue) =>
  openWorker(queue, async ({ data }) => noop(...data), {
    ...{ url, max: half + 1, concurrency: half },
    removeOnComplete: { count: 0 },
  }),
);
for (const worker of workers) {
  worker.on("error", (error) => {
    throw error;
  });
}
async function isEmpty() {
  const { rows } = await client.query("select from bullmq.job limit 1");
  return rows.length === 0;
}
while (!(await isEmpty())) await sleep(10);
await Promise.all(workers.map((worker) => worker.close()));
await client.end();
