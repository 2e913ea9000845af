import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Case } from "../case.ts";
import { ContenderFailed } from "../contender.ts";
import { binary, pdoflow, root } from "../pdoflow.ts";
import type { BenchDatabase } from "../server.ts";

/** The unit of times in /proc/PID/stat: Linux shows hundredths of a second on all platforms. */
const microsPerTick = 10_000;

export const footprint: Case = {
  name: "footprint",
  what: "disk, write-ahead log and CPU time of a no-op job, by the end of its posting and after it",
  target: "15 bytes posted and 25 drained; 3 µs of CPU",
  async run(bench) {
    const jobs = bench.jobs(300_000, 60_000);
    const rounds = bench.rounds(5, 2);
    const database = await bench.server.database("footprint");
    const ours = await pdoflow(database, bench.cores);
    const none = (): number[] => [];
    const values = {
      posted: none(),
      drained: none(),
      walPosted: none(),
      walDrained: none(),
      server: none(),
      pool: none(),
    };
    const per = (figures: number[], total: number) => figures.push(total / jobs);
    for (let round = 1; round <= rounds; round++) {
      await ours.reset();
      const empty = await tableBytes(database);
      const walBefore = await walBytes(database);
      await ours.post(jobs, {});
      const walBetween = await walBytes(database);
      per(values.posted, (await tableBytes(database)) - empty);
      per(values.walPosted, walBetween - walBefore);
      await bench.server.settle(database);
      const walSettled = await walBytes(database);
      const cpuPosted = await serverMicros(database);
      per(values.pool, await drainMicros(database, bench.cores));
      per(values.server, (await serverMicros(database)) - cpuPosted);
      per(values.drained, (await tableBytes(database)) - empty);
      per(values.walDrained, (await walBytes(database)) - walSettled);
      await ours.verify(jobs);
      bench.say(`footprint: round ${round} of ${rounds}`);
    }
    await bench.server.drop(database);
    const { server, pool } = values;
    const cpu = server.map((micros, round) => micros + (pool[round] ?? 0));
    return {
      sizes: { jobs, rounds },
      series: [
        { name: "CPU of the server, draining", unit: "µs", values: server },
        { name: "CPU of the pool and its workers", unit: "µs", values: pool },
      ],
      checks: [
        { name: "disk, posted", unit: "bytes", values: values.posted, bound: { atMost: 15 } },
        { name: "disk, drained", unit: "bytes", values: values.drained, bound: { atMost: 25 } },
        { name: "log of posting", unit: "bytes", values: values.walPosted, bound: null },
        { name: "log of draining", unit: "bytes", values: values.walDrained, bound: null },
        { name: "CPU of draining", unit: "µs", values: cpu, bound: { atMost: 3 } },
      ],
      notes: [
        "disk: all tables and indexes of the schema, with the outcomes of jobs, less an empty one's",
        "the log has images of whole pages in it, once per page after each checkpoint",
        "CPU: of all processes of the server; of the pool with its start, its workers and their end",
      ],
    };
  },
};

async function tableBytes({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ bytes: number }[]>`
    select sum(pg_total_relation_size(oid))::bigint as bytes from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p')`;
  return row?.bytes ?? Number.NaN;
}

async function walBytes({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ bytes: number }[]>`
    select (pg_current_wal_insert_lsn() - '0/0')::bigint as bytes`;
  return row?.bytes ?? Number.NaN;
}

/** Drains the queue, and returns the CPU time of the pool and of the workers that it waited for. */
async function drainMicros({ url }: BenchDatabase, cores: number): Promise<number> {
  const options = ["--once", "--max-workers", String(cores), "--database", url];
  const child = Bun.spawn([binary, "pool", ...options], { cwd: root, stderr: "pipe" });
  const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
  if (code !== 0) throw new ContenderFailed(`the pool ended with exit code ${code}: ${said}`);
  return Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN);
}

/** The CPU time of the server so far: its own, that of children that ended, and of those alive. */
async function serverMicros({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ folder: string }[]>`
    select current_setting('data_directory') as folder`;
  const [pid = ""] = readFileSync(join(row?.folder ?? "", "postmaster.pid"), "utf8").split("\n");
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(statOf)
    .filter((stat) => stat[1] === pid);
  const ticks = [ticksOf(statOf(pid), 11, 4), ...children.map((stat) => ticksOf(stat, 11, 2))];
  return ticks.reduce((sum, each) => sum + each, 0) * microsPerTick;
}

const ticksOf = (stat: readonly string[], first: number, count: number): number =>
  stat.slice(first, first + count).reduce((sum, text) => sum + Number(text), 0);

/** The fields of /proc/PID/stat from the state on: state, parent, and so on. */
function statOf(pid: string): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // it has just ended
  }
}
