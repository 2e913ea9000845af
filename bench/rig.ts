// Pools that are up and idle, on a database of their own, and what they did with a posting.
import { readFileSync } from "node:fs";

import { migrate } from "../src/db/admin/migrations.ts";
import { insertPosting } from "../src/db/posting/insert.ts";
import { sum } from "./measure.ts";
import { binary, root } from "./pdoflow.ts";
import type { BenchDatabase, BenchServer } from "./server.ts";

/** How a posting was run, by the outcomes that were recorded of it. */
export interface Timeline {
  /** From the start of its first job to the end of its last one, by the database's clock. */
  spanMs: number;
  /** How long each job took in its worker, in the order of posting. */
  durations: number[];
}

export interface Rig extends AsyncDisposable {
  database: BenchDatabase;
  pids: number[];
  /** Posts one job for each list of arguments, waits until all have ended, tells how it went. */
  run(task: string, args: readonly (readonly unknown[])[]): Promise<Timeline>;
}

const deadlineMs = 300_000;

/** Starts the pools, and waits until each of them listens. */
export async function openRig(server: BenchServer, pools: number, workers: number): Promise<Rig> {
  const database = await server.database(`rig_${crypto.randomUUID().replaceAll("-", "")}`);
  const { db, url } = database;
  await migrate(db);
  const options = ["--max-workers", String(workers), "--database", url];
  const children = Array.from({ length: pools }, () =>
    Bun.spawn([binary, "pool", ...options], { cwd: root, stdio: ["ignore", "ignore", "ignore"] }),
  );
  await until("the pools to listen", async () => {
    const [row] = await db.sql<{ ready: number }[]>`
      select count(*) as ready from pdoflow.pool where state = 'up' and listens`;
    return row?.ready === pools;
  });
  return {
    database,
    pids: children.map(({ pid }) => pid),
    run: (task, args) => runPosting(database, task, args),
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map(({ exited }) => exited));
      await server.drop(database);
    },
  };
}

async function runPosting(
  { db }: BenchDatabase,
  task: string,
  lists: readonly (readonly unknown[])[],
): Promise<Timeline> {
  const posting = { entryPoint: `jobs.ts#${task}`, priority: 0, osUser: "bench" };
  const args = lists.map((list) => JSON.stringify(list));
  const { id } = await insertPosting(db, posting, [{ args }], "the bench");
  await until(`posting ${id} to end`, async () => {
    const [row] = await db.sql<{ done: number }[]>`
      select done from pdoflow.posting where id = ${id} and ended_at is not null`;
    if (row && row.done !== lists.length) throw new Error(`expected no failure, ${row.done} done`);
    return row !== undefined;
  });
  const rows = await db.sql<{ durationMs: number; endMs: number }[]>`
    select duration_ms, (extract(epoch from ended_at) * 1000)::double precision as end_ms
    from pdoflow.outcome where posting_id = ${id} order by seq`;
  const startedAt = Math.min(...rows.map(({ endMs, durationMs }) => endMs - durationMs));
  const endedAt = Math.max(...rows.map(({ endMs }) => endMs));
  return { spanMs: endedAt - startedAt, durations: rows.map(({ durationMs }) => durationMs) };
}

/** What part of the time of its workers a posting's jobs ran, in percent. */
export const shareOfIdeal = ({ spanMs, durations }: Timeline, workers: number): number =>
  (sum(durations) / (spanMs * workers)) * 100;

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await Bun.sleep(20);
  }
}

/** The descendants of a process. */
export function childrenOf(pid: number): number[] {
  const text = readIfThere(`/proc/${pid}/task/${pid}/children`);
  const children = text.split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...childrenOf(child)]);
}

/** The workers of a pool, without its guard. */
export const workersOf = (pool: number): number[] =>
  childrenOf(pool).filter((pid) => readIfThere(`/proc/${pid}/cmdline`).split("\0")[1] === "worker");

/** A figure of a file of /proc such as "Pss:   1234 kB", in MB; 0 where the process is gone. */
export function megabytes(pid: number, file: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(
    readIfThere(`/proc/${pid}/${file}`),
  );
  return Number(found?.[1] ?? 0) / 1024;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has ended since it was looked up
  }
}
