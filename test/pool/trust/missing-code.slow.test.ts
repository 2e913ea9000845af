// A pool whose root lacks the code of a posting passes it by: no attempt is used up.
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { ClusterPool } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { openCommands, type Started, textOf } from "../../cli/in-process.ts";

/** One machine with the code of a posting, and one without it, in folders of these names. */
async function twoRoots() {
  const db = await freshDatabase();
  const cli = await openCommands(db);
  mkdirSync(join(cli.folder, "good"));
  mkdirSync(join(cli.folder, "old"));
  await cli.write("good/f.ts", "export const f = (n: number) => n; export const other = f;");
  const runIn = (folder: string, ...args: string[]) =>
    cli.runWith({ cwd: join(cli.folder, folder) }, ...args);
  const pools: Started[] = [];
  return {
    ...{ db, cli, runIn },
    post: async (...args: string[]) => Number((await runIn("good", "post", ...args)).out),
    /** Starts a pool; `said` is all that it says until it ends. */
    startPool(folder: string, ...flags: string[]) {
      const options = { cwd: join(cli.folder, folder) };
      const pool = cli.startWith(options, "pool", "--max-workers", "2", ...flags);
      pools.push(pool);
      return {
        async end() {
          pool.kill("SIGTERM");
          expect(await pool.exited).toBe(0);
          return await textOf(pool.stderr);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      for (const pool of pools) pool.kill("SIGTERM");
      await Promise.all(pools.map(({ exited }) => exited));
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

const refused = (db: TestDatabase, id: number) =>
  until("a refusal", async () => {
    const [row] = await db.sql`select pdoflow.refusal_of(${id}) as reason`;
    return row?.["reason"] ?? null;
  });

const ended = (db: TestDatabase, id: number) =>
  until("the end of a posting", async () => {
    const [row] = await db.sql`select done, failed from pdoflow.posting
      where id = ${id} and ended_at is not null`;
    return row;
  });

const attempts = async (db: TestDatabase) => {
  const [row] = await db.sql`select count(*)::integer as count from pdoflow.outcome`;
  return row?.["count"];
};

test("a pool without the file passes a posting by, says why once, and another pool runs it", async () => {
  await using roots = await twoRoots();
  const { db, runIn } = roots;
  const id = await roots.post("f.ts#f", "--each", "1-60");
  const old = roots.startPool("old");
  expect(await refused(db, id)).toContain('There is no file "f.ts" in the root');
  const second = await roots.post("f.ts#f", "--each", "1");
  await refused(db, second);
  expect((await runIn("good", "explain", `${id}/0`)).out).toMatch(
    /every pool that could run it has refused it; it was refused by the pool on .*There is no file "f.ts"/,
  );
  expect((await runIn("good", "status")).err).toMatch(
    /every pool that could run it has refused it.*"f.ts"/,
  );
  const waited = await runIn("good", "wait", String(id), "--timeout", "3s");
  expect(waited.err).toMatch(
    /every pool that could run it has refused it.*There is no file "f.ts"/,
  );
  expect((await runIn("good", "doctor")).out).toContain("pools refuse 2 open postings");
  expect(await attempts(db)).toBe(0);

  expect((await runIn("good", "pool", "--once")).code).toBe(0);
  expect(await ended(db, id)).toEqual({ done: 60, failed: 0 });
  expect((await old.end()).split("is skipped").length - 1).toBe(1);
}, 60_000);

test("a pool looks again by itself when the file, the export or an import appears", async () => {
  await using roots = await twoRoots();
  const { db, cli } = roots;
  await cli.write("good/lib.ts", "export const one = 1;");
  await cli.write("good/g.ts", 'import { one } from "./lib.ts"; export const g = () => one;');
  await cli.write("old/f.ts", "export const other = () => 1;");
  await cli.write("old/g.ts", 'import { one } from "./lib.ts"; export const g = () => one;');
  await cli.write("good/h.ts", "export const h = () => 1;");
  const exported = await roots.post("f.ts#f", "--each", "1-5");
  const imported = await roots.post("g.ts#g", "--each", "1-5");
  const file = await roots.post("h.ts#h", "--each", "1-5");
  const old = roots.startPool("old");
  expect(await refused(db, exported)).toContain('an export or member "f", found other');
  expect(await refused(db, imported)).toContain("could not be imported");
  await refused(db, file);
  expect(await attempts(db)).toBe(0);

  await cli.write("old/h.ts", "export const h = () => 1;");
  expect(await ended(db, file)).toEqual({ done: 5, failed: 0 });
  await cli.write("old/lib.ts", "export const one = 1;");
  expect(await ended(db, imported)).toEqual({ done: 5, failed: 0 });
  await cli.write("old/f.ts", "export const f = (n: number) => n;");
  expect(await ended(db, exported)).toEqual({ done: 5, failed: 0 });
  const rows = await db.sql`select from pdoflow.refusal`;
  expect(rows).toHaveLength(0);
  await old.end();
}, 60_000);

test("pool --once that lacks the code of a posting ends with 1, and leaves it as it was", async () => {
  await using roots = await twoRoots();
  const { db, runIn } = roots;
  const id = await roots.post("f.ts#f", "--each", "1-20");
  const pool = await runIn("old", "pool", "--once");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain('There is no file "f.ts" in the root');
  expect(await attempts(db)).toBe(0);
  const [row] = await db.sql`select state, waiting, running from pdoflow.postings where id = ${id}`;
  expect(row).toEqual({ state: "open", waiting: 20, running: 0 });
});

test("a pool in a program skips postings whose file it lacks, and runs them once the file is there", async () => {
  await using roots = await twoRoots();
  const { db, cli } = roots;
  const id = await roots.post("f.ts#f", "--each", "1-5");
  await using pool = new ClusterPool({
    ...{ concurrency: 2, db: db.url, root: join(cli.folder, "old") },
  });
  expect(pool.pid).toBe(process.pid);
  await refused(db, id);
  expect(await attempts(db)).toBe(0);
  await cli.write("old/f.ts", "export const f = (n: number) => n;");
  expect(await ended(db, id)).toEqual({ done: 5, failed: 0 });
});
