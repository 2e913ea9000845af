import { join } from "node:path";

import { migrate } from "../../src/db/admin/migrations.ts";
import { insertPosting } from "../../src/db/posting/insert.ts";
import type { BenchDatabase, BenchServer } from "../server.ts";

const poolsAProcess = 50;
const deadlineMs = 400_000;

export interface LibraryPools extends AsyncDisposable {
  database: BenchDatabase;
  pids: number[];
  startMs: number;
}

/** Starts pools of the library at once, in processes of 50, with connections of their own. */
export async function startLibraryPools(
  server: BenchServer,
  count: number,
  through: (database: BenchDatabase) => Promise<string> = async ({ url }) => url,
): Promise<LibraryPools> {
  const database = await server.database(`real_${count}_${crypto.randomUUID().slice(0, 8)}`);
  await migrate(database.db);
  const url = await through(database);
  const program = join(import.meta.dir, "library-pools.ts");
  const startedAt = performance.now();
  const children = Array.from({ length: Math.ceil(count / poolsAProcess) }, (_, i) =>
    Bun.spawn(
      [process.execPath, program, url, `${Math.min(poolsAProcess, count - i * poolsAProcess)}`],
      { stdin: "pipe", stdout: "ignore", stderr: "ignore" },
    ),
  );
  await until(`${count} pools to wait`, async () => {
    const [row] = await database.db.sql<{ ready: number }[]>`
      select count(*) as ready from pdoflow.pool where state = 'up' and listens`;
    return row?.ready === count;
  });
  return {
    ...{ database, pids: children.map(({ pid }) => pid) },
    startMs: performance.now() - startedAt,
    async [Symbol.asyncDispose]() {
      for (const { stdin } of children) void stdin.end();
      await Promise.all(children.map(({ exited }) => exited));
      await server.drop(database);
    },
  };
}

export interface Ended {
  /** From the post to the end of the posting, by this process. */
  spanMs: number;
  /** Outcomes that others than the first attempts of jobs have. */
  more: number;
}

/**
 * Posts jobs that sleep, and waits for their end.
 *
 * @throws unless each job was recorded as done exactly once.
 */
export async function runSleeps(
  { db }: BenchDatabase,
  jobs: number,
  sleepMs: number,
  meanwhile: () => void = () => {},
): Promise<Ended> {
  const posting = { entryPoint: "jobs.ts#sleep", priority: 0, osUser: "bench", maxAttempts: 10 };
  const args = Array.from({ length: jobs }, () => `[${sleepMs}]`);
  const postedAt = performance.now();
  const { id } = await insertPosting(db, posting, [{ args }], "the bench");
  await until(`posting ${id} to end`, async () => {
    meanwhile();
    const [row] = await db.sql`
      select from pdoflow.posting where id = ${id} and ended_at is not null`;
    return row !== undefined;
  });
  const spanMs = performance.now() - postedAt;
  const [row] = await db.sql<{ done: number; jobs: number; all: number }[]>`
    select count(*) filter (where state = 'done') as done,
           count(distinct seq) filter (where state = 'done') as jobs, count(*) as all
    from pdoflow.outcome where posting_id = ${id}`;
  if (row?.done !== jobs || row.jobs !== jobs) {
    throw new Error(`expected ${jobs} jobs done once, found ${JSON.stringify(row)}`);
  }
  return { spanMs, more: row.all - jobs };
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await Bun.sleep(20);
  }
}
