import { openProxy, type Proxy } from "../../test/proxy.ts";
import type { Case } from "../case.ts";
import { type LibraryPools, runSleeps, startLibraryPools } from "../cluster/process-pools.ts";
import type { BenchDatabase } from "../server.ts";

const count = 4;
const slots = 16;
const sleepMs = 200;

export const distance: Case = {
  name: "distance",
  what: "4 pools of 16 slots, 50 ms from the server; also with a connection lost every 200 ms",
  target: "each job is recorded as done exactly once",
  isLong: true,
  async run(bench) {
    const jobs = count * slots * bench.size(40, 10);
    const near = await ratesAt(0, null);
    const far = await ratesAt(25, null);
    const cut = await ratesAt(25, 200);
    return {
      sizes: { pools: count, slots, jobs, "ms a job": sleepMs },
      series: [
        { name: "near, share of ideal", unit: "%", values: [near.share] },
        { name: "50 ms away, share of ideal", unit: "%", values: [far.share] },
        { name: "with losses, share of ideal", unit: "%", values: [cut.share] },
        { name: "connections lost", unit: "count", values: [cut.losses] },
        { name: "one job, from its post to its record, near", unit: "ms", values: near.oneMs },
        { name: "one job, from its post to its record, 50 ms away", unit: "ms", values: far.oneMs },
      ],
      checks: [
        {
          ...{ name: "attempts beyond the first, with losses", unit: "count", values: [cut.more] },
          bound: null,
        },
      ],
      notes: [
        "a proxy delays each byte by 25 ms in either direction, in the process of the bench",
        "the proxy closes one connection after the other, chosen at random",
      ],
    };

    async function ratesAt(delayMs: number, cutEveryMs: number | null) {
      await using opened = new AsyncDisposableStack(); // ends after the pools
      let proxy: Proxy | null = null;
      const through = async ({ name, url }: BenchDatabase) => {
        const folder = new URL(url.replace("@/", "@host/")).searchParams.get("host") ?? "";
        const behind = `postgres:///${name}?host=${folder}`;
        proxy = opened.use(await openProxy(behind, undefined, delayMs));
        return proxy.url.replace("postgres:///", "postgres://pdoflow@/");
      };
      await using pools: LibraryPools = await startLibraryPools(bench.server, count, through);
      const { database } = pools;
      const oneMs: number[] = [];
      for (let i = 0; i < 10; i++) oneMs.push((await runSleeps(database, 1, 0)).spanMs);
      await runSleeps(database, count * slots * 2, sleepMs); // the duration is known from now on
      let [cutAt, losses] = [performance.now(), 0];
      const { spanMs, more } = await runSleeps(database, jobs, sleepMs, () => {
        if (cutEveryMs === null || performance.now() < cutAt + cutEveryMs) return;
        cutAt = performance.now();
        losses++;
        proxy?.cutOne();
      });
      const ideal = (jobs / (count * slots)) * sleepMs;
      return { share: (ideal / spanMs) * 100, more, losses, oneMs };
    }
  },
};
