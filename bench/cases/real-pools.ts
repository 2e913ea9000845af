import type { Case } from "../case.ts";
import { runSleeps, startLibraryPools } from "../cluster/process-pools.ts";
import { sum } from "../measure.ts";
import { megabytes } from "../rig.ts";
import { type BenchDatabase, startServer } from "../server.ts";

const sleepMs = 1_000;
const jobsAPool = 32;
const connectionsAPool = 3;

export const realPools: Case = {
  name: "real-pools",
  what: "200 pools of 16 slots that start at once, with their own connections; jobs of a second",
  target: "each job is done exactly once",
  isLong: true,
  async run(bench) {
    const count = bench.size(200, 20);
    const max = String(count * connectionsAPool + 50);
    await using server = await startServer(bench.say, null, { max_connections: max });
    await using pools = await startLibraryPools(server, count);
    const { database } = pools;
    const idle = await countConnections(database);
    const jobs = count * jobsAPool;
    const first = await runSleeps(database, jobs, sleepMs);
    const again = await runSleeps(database, jobs, sleepMs);
    const connections = await countConnections(database);
    const memory = sum(await backendMegabytes(database));
    return {
      sizes: { pools: count, jobs, "ms a job": sleepMs },
      series: [
        { name: "start of all pools", unit: "s", values: [pools.startMs / 1_000] },
        { name: "time of the first jobs", unit: "s", values: [first.spanMs / 1_000] },
        { name: "time of as many jobs again", unit: "s", values: [again.spanMs / 1_000] },
        { name: "least possible", unit: "s", values: [((jobsAPool / 16) * sleepMs) / 1_000] },
        { name: "connections before the first job", unit: "count", values: [idle] },
        { name: "connections", unit: "count", values: [connections] },
        { name: "memory of the server, Pss", unit: "MB", values: [memory] },
        { name: "memory of a connection, Pss", unit: "MB", values: [memory / connections] },
        {
          ...{ name: "memory of a pool in a program, Pss", unit: "MB" },
          values: [sum(pools.pids.map((pid) => megabytes(pid, "smaps_rollup", "Pss"))) / count],
        },
      ],
      checks: [
        {
          ...{ name: "attempts beyond the first", unit: "count" },
          ...{ values: [first.more + again.more], bound: { atMost: 0 } },
        },
      ],
      notes: ["pools of the library, 50 in a process, on the cores of the server"],
    };
  },
};

async function countConnections({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ count: number }[]>`
    select count(*) as count from pg_stat_activity where datname = current_database()`;
  return row?.count ?? Number.NaN;
}

async function backendMegabytes({ db }: BenchDatabase): Promise<number[]> {
  const rows = await db.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database()`;
  return rows.map(({ pid }) => megabytes(pid, "smaps_rollup", "Pss"));
}
