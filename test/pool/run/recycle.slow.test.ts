import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { openCommands, textOf } from "../../cli/in-process.ts";

const input = JSON.stringify(Array.from({ length: 30 }, (_, i) => [i]));

test("--recycle-after: no worker runs many more jobs than that, and none is lost", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "pid.ts",
    `export async function pid() { await Bun.sleep(20); return process.pid; }`,
  );
  await cli.runWith({ input }, "post", "pid.ts#pid", "-");
  await cli.run("pool", "--once", "--max-workers", "1", "--recycle-after", "5");
  const rows = await db.sql`
    select result::jsonb as result, count(*)::int as n from pdoflow.outcome
    where state = 'done' group by 1`;
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.reduce((sum, row) => sum + row["n"], 0)).toBe(30);
});

test("--recycle-above: a worker that leaks is replaced between two jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "leak.ts",
    `const kept: Uint8Array[] = [];
     export async function leak() {
       kept.push(new Uint8Array(30 << 20).fill(1));
       await Bun.sleep(60);
       return process.pid;
     }`,
  );
  await cli.runWith(
    { input: "[[],[],[],[],[],[],[],[],[],[],[],[]]" },
    "post",
    "leak.ts#leak",
    "-",
  );
  await cli.run("pool", "--once", "--max-workers", "1", "--recycle-above", "200M");
  const [row] = await db.sql`
    select count(*)::int as n, count(distinct result::jsonb)::int as workers, max(attempt) as attempt
    from pdoflow.outcome where state = 'done'`;
  expect(row).toMatchObject({ n: 12, attempt: 1 });
  expect(row?.["workers"]).toBeGreaterThan(1);
});

/** A pool that runs while the code of its jobs is edited. */
async function withPool(...flags: string[]) {
  const db = await freshDatabase();
  const cli = await openCommands(db);
  await cli.write("dep.ts", `export const version = "old";`);
  await cli.write("other.ts", `export { fn } from "./fn.ts";`);
  await cli.write(
    "fn.ts",
    `import { version } from "./dep.ts";
     export const fn = async (ms = 0) => { await Bun.sleep(ms); return version; };
     export const picky = () => { if (version === "old") throw new Error(version); return version; };`,
  );
  const pool = cli.start("pool", "--max-workers", "2", ...flags);
  const said = textOf(pool.stderr);
  const edit = () => cli.write("dep.ts", `export const version = "new";`);
  const post = async (entryPoint: string, ...more: string[]) =>
    Number((await cli.run("post", entryPoint, "--no-check", ...more)).out);
  const ended = (id: number) =>
    until("the end of a posting", async () => {
      const [row] = await db.sql`select ended_at is not null as is from pdoflow.posting
        where id = ${id}`;
      return row?.["is"] === true;
    });
  const results = async (id: number) => {
    await ended(id);
    const rows = await db.sql`
      select distinct result::jsonb as result from pdoflow.outcome
      where posting_id = ${id} and state = 'done' order by 1`;
    return rows.map(({ result }) => result);
  };
  return {
    ...{ db, cli, edit, post, ended, results },
    /** Ends the pool; returns how often it said that it replaces the workers. */
    async end() {
      pool.kill("SIGTERM");
      expect(await pool.exited).toBe(0);
      return (await said).split("code has changed: replacing the workers").length - 1;
    },
    async [Symbol.asyncDispose]() {
      pool.kill("SIGTERM");
      await pool.exited;
      cli[Symbol.dispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

test("after an edit the next posting runs the new code, also of a file that another one imports", async () => {
  await using pool = await withPool();
  expect(await pool.results(await pool.post("fn.ts#fn", "--each", "1-3"))).toEqual(["old"]);
  await pool.edit();
  // An entry point that the pool has not run yet, with a file that workers have imported.
  expect(await pool.results(await pool.post("other.ts#fn", "--each", "1-3"))).toEqual(["new"]);
  expect(await pool.results(await pool.post("fn.ts#fn", "--each", "1-3"))).toEqual(["new"]);
  expect(await pool.end()).toBe(1);
});

test("after an edit a retry runs the new code", async () => {
  await using pool = await withPool();
  const id = await pool.post(
    "fn.ts#picky",
    "--each",
    "1-4",
    "--max-attempts",
    "1",
    "--stop-after",
    "0",
  );
  await pool.ended(id);
  await pool.edit();
  expect((await pool.cli.run("retry", String(id), "--failed")).code).toBe(0);
  expect(await pool.results(id)).toEqual(["new"]);
  const [row] = await pool.db.sql`
    select count(*)::integer as done from pdoflow.outcome where attempt = 2 and state = 'done'`;
  expect(row).toEqual({ done: 4 });
  expect(await pool.end()).toBe(1);
});

test("after an edit in the middle of a posting, running jobs end with the old code, the rest run the new", async () => {
  await using pool = await withPool();
  const id = await pool.post("fn.ts#fn", "--each", "600,600,600,600,600,600,600,600,600,600");
  await until("a first job", async () => {
    const rows = await pool.db.sql`select from pdoflow.outcome`;
    return rows.length > 0;
  });
  await pool.edit();
  expect(await pool.results(id)).toEqual(["new", "old"]);
  // In the order in which they began no old code comes after new code.
  const rows = await pool.db.sql<{ result: string }[]>`
    select result #>> '{}' as result from pdoflow.outcome
    order by ended_at - duration_ms * interval '1 ms'`;
  expect(rows.map(({ result }) => result)).toEqual(
    rows
      .map(({ result }) => result)
      .toSorted()
      .toReversed(),
  );
  expect(await pool.end()).toBe(1);
});

test("--no-reload: workers keep the code that they have imported", async () => {
  await using pool = await withPool("--no-reload");
  // Long enough that both workers get one, and import the code.
  expect(await pool.results(await pool.post("fn.ts#fn", "--each", "500-503"))).toEqual(["old"]);
  await pool.edit();
  expect(await pool.results(await pool.post("fn.ts#fn", "--each", "1-3"))).toEqual(["old"]);
  expect(await pool.end()).toBe(0);
});
