// What a database and its processes have used so far: disk, write-ahead log and CPU time.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { ContenderFailed } from "./contender.ts";
import { binary, root } from "./pdoflow.ts";
import type { BenchDatabase } from "./server.ts";

/** The unit of times in /proc/PID/stat: Linux shows hundredths of a second on all platforms. */
const microsPerTick = 10_000;
const sampleEveryMs = 10;

/** Of all tables of PDOFlow, with their indexes and large values. */
export async function tableBytes({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ bytes: number }[]>`
    select sum(pg_total_relation_size(oid))::bigint as bytes from pg_class
    where relnamespace = 'pdoflow'::regnamespace and relkind in ('r', 'p')`;
  return row?.bytes ?? Number.NaN;
}

/** Of the whole server since it was created. */
export async function walBytes({ db }: BenchDatabase): Promise<number> {
  const [row] = await db.sql<{ bytes: number }[]>`
    select (pg_current_wal_insert_lsn() - '0/0')::bigint as bytes`;
  return row?.bytes ?? Number.NaN;
}

/** Of the server: its own, that of children that ended, and of those alive, in microseconds. */
export async function serverMicros({ db }: BenchDatabase): Promise<number> {
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

export interface PoolMicros {
  /** Its own process. */
  pool: number;
  /** The processes that it started and waited for. */
  workers: number;
}

/** Drains the queue with `pdoflow pool --once`; returns the CPU time of its processes. */
export async function drainMicros(
  { url }: BenchDatabase,
  workers: number,
  more: readonly string[] = [],
): Promise<PoolMicros> {
  const options = ["--once", "--max-workers", String(workers), "--database", url, ...more];
  const child = Bun.spawn([binary, "pool", ...options], { cwd: root, stderr: "pipe" });
  let pool = 0;
  // The system only tells the sum of both after its end; what it used since the last look is lost.
  const timer = setInterval(() => {
    pool = Math.max(pool, ticksOf(statOf(String(child.pid)), 11, 2) * microsPerTick);
  }, sampleEveryMs);
  const [said, code] = await Promise.all([child.stderr.text(), child.exited]);
  clearInterval(timer);
  if (code !== 0) throw new ContenderFailed(`the pool ended with exit code ${code}: ${said}`);
  const all = Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN);
  return { pool, workers: all - pool };
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
