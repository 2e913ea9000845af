import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { openCli, until } from "../cli.ts";

const jobs = 3_000;

/** Short, so that many are claimed at once; from some moment on they return 4 MiB each. */
const code = `
  import { appendFileSync, existsSync } from "node:fs";
  export async function fill(i: number) {
    await Bun.sleep(1);
    if (!existsSync("large")) return i;
    appendFileSync("journal", i + "\\n");
    return "x".repeat(4 * 2 ** 20);
  }`;

/** Reads and heartbeats continue: only inserts of outcomes wait, until the function is called. */
async function lockOutcomes({ sql }: TestDatabase): Promise<() => Promise<void>> {
  const end = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const lock = sql.begin(async (sql) => {
    await sql`lock table pdoflow.outcome_run in share mode`;
    begun.resolve();
    await end.promise;
  });
  await begun.promise;
  return async () => {
    end.resolve();
    await lock;
  };
}

test("while outcomes can't be written, a pool keeps 64 MiB of them and starts no more jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fill.ts", code);
  const input = Array.from({ length: jobs }, (_, i) => `[${i}]\n`).join("");
  expect(await cli.runWith({ input }, "post", "fill.ts#fill", "-")).toMatchObject({ code: 0 });
  const pool = cli.start("pool", "--max-workers", "2");
  await until("jobs to be claimed by the hundred", async () => {
    const [row] = await db.sql`select count(*)::int as n from pdoflow.outcome`;
    return row?.["n"] >= 1_000;
  });
  const unlock = await lockOutcomes(db);
  await cli.write("large", "");
  const reader = pool.stderr.getReader();
  let said = "";
  while (!said.includes("no more jobs are started until the database accepts them")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`expected the pool to hold, it said:\n${said}`);
    said += new TextDecoder().decode(value);
  }
  // 16 of them are 64 MiB; more ended while the pool came to see them, some tens on two cores.
  const large = readFileSync(join(cli.folder, "journal"), "utf8").trim().split("\n").length;
  expect(large).toBeGreaterThanOrEqual(16);
  expect(large).toBeLessThan(96);
  rmSync(join(cli.folder, "large"));
  await unlock();
  const row = await until("the posting to end", async () => {
    const [row] = await db.sql`
      select p.done, (select max(attempt) from pdoflow.outcome) as attempts
      from pdoflow.posting p where state = 'finished'`;
    return row;
  });
  expect(row).toEqual({ done: jobs, attempts: 1 });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
}, 120_000);
