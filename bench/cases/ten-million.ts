import type { Case } from "../case.ts";
import { run } from "../contender.ts";
import { clock } from "../measure.ts";
import { binary, pdoflow, root, runPool } from "../pdoflow.ts";
import { perSecond } from "../peers.ts";
import type { Check } from "../result.ts";
import { tableBytes, walBytes } from "../usage.ts";

export const tenMillion: Case = {
  name: "ten-million",
  what: "posts ten million no-op jobs, drains them, reads their number and prunes them",
  target: "15 bytes on disk for each job posted, 25 drained, none after pruning",
  isLong: true,
  async run(bench) {
    const jobs = bench.jobs(10_000_000, 200_000);
    const database = await bench.server.database("ten_million");
    const ours = await pdoflow(database, bench.cores);
    await ours.reset();
    const emptyBytes = await tableBytes(database);
    const walBefore = await walBytes(database);
    const bytesAJob = async () => ((await tableBytes(database)) - emptyBytes) / jobs;
    const command = (...args: string[]) =>
      clock(() => run([binary, ...args, "--database", database.url], root));
    const postMs = await ours.post(jobs, {});
    const posted = await bytesAJob();
    bench.say(`ten-million: posted in ${Math.round(postMs)} ms`);
    const drainMs = await clock(() => runPool(database.url, bench.cores));
    const drained = await bytesAJob();
    const wal = ((await walBytes(database)) - walBefore) / jobs;
    bench.say(`ten-million: drained in ${Math.round(drainMs)} ms`);
    await ours.verify(jobs);
    const statusMs = await command("status", "1");
    const pruneMs = await command("prune", "--older-than", "0s", "--yes");
    const pruned = await bytesAJob();
    await bench.server.drop(database);
    const once = (name: string, value: number, bound: Check["bound"]): Check => ({
      ...{ name, unit: "bytes", values: [value], bound },
    });
    return {
      sizes: { jobs },
      series: [
        { name: "posted", unit: "jobs/s", values: [perSecond(jobs, postMs)] },
        { name: "drained", unit: "jobs/s", values: [perSecond(jobs, drainMs)] },
        { name: "time of posting", unit: "s", values: [postMs / 1000] },
        { name: "time of draining", unit: "s", values: [drainMs / 1000] },
        { name: "time of pruning", unit: "s", values: [pruneMs / 1000] },
        { name: "status of the posting", unit: "ms", values: [statusMs] },
      ],
      checks: [
        once("disk, posted", posted, { atMost: 15 }),
        once("disk, drained", drained, { atMost: 25 }),
        once("disk, pruned", pruned, { atMost: 0.1 }),
        once("log of all", wal, null),
      ],
      notes: ["one posting, posted by the library on Bun; the start of the pool is in its time"],
    };
  },
};
