// Whose code a posting is of, so that a pool in another folder does not run its own instead.
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

/** Two folders that have an f.ts each, with a package.json where they have a name. */
async function writeProjects(cli: Commands, names: { a?: string; b?: string } = {}) {
  for (const each of ["a", "b"] as const) {
    mkdirSync(join(cli.folder, each));
    await cli.write(`${each}/f.ts`, `export const f = (n: number) => "${each}" + n;`);
    const name = names[each];
    if (name !== undefined) await cli.write(`${each}/package.json`, JSON.stringify({ name }));
  }
  const runIn =
    (folder: string, env: Record<string, string> = {}) =>
    (...args: string[]) =>
      cli.runWith({ cwd: join(cli.folder, folder), env }, ...args);
  return { inA: runIn("a"), inB: runIn("b"), runIn };
}

const results = async ({ sql }: TestDatabase) => {
  const rows = await sql<{ result: unknown }[]>`
    select result from pdoflow.outcome order by posting_id, seq`;
  return rows.map(({ result }) => result);
};

test("on a configured server, roots of any path serve each other if no project is named", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { inA, inB } = await writeProjects(cli, { a: "sim" });
  expect((await inB("post", "f.ts#f", "--each", "1")).code).toBe(0);
  expect((await inA("pool", "--once")).code).toBe(0); // a posting of no project: any pool
  expect((await inA("post", "f.ts#f", "--each", "2")).code).toBe(0);
  expect((await inB("pool", "--once")).code).toBe(0); // a pool of no project: any posting
  expect(await results(db)).toEqual(["a1", "b2"]);
});

test("the names of two packages tell their projects apart, and --project overrules them", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { inA, inB, runIn } = await writeProjects(cli, { a: "sim", b: "report" });
  await inA("post", "f.ts#f", "--each", "1");
  const wrong = await inB("pool", "--once");
  expect(wrong.err).toContain("1 posting of project sim waits");
  expect((await inA("explain", "1/0")).out).toContain("no pool is running");
  await inA("pool", "--once");
  expect(await results(db)).toEqual(["a1"]);

  await inA("post", "f.ts#f", "--each", "2", "--project", "report");
  await inB("pool", "--once");
  expect(await results(db)).toEqual(["a1", "b2"]);
  await inA("post", "f.ts#f", "--each", "3");
  await inB("pool", "--once", "--project", "*");
  expect(await results(db)).toEqual(["a1", "b2", "b3"]);
  await runIn("a", { PDOFLOW_PROJECT: "*" })("post", "f.ts#f", "--each", "4");
  await inB("pool", "--once");
  expect(await results(db)).toEqual(["a1", "b2", "b3", "b4"]);
  await db.sql`select pdoflow.post('f.ts#f', '[[5]]', '{"project": "report"}')`;
  await inA("pool", "--once");
  await inB("pool", "--once");
  expect(await results(db)).toEqual(["a1", "b2", "b3", "b4", "b5"]);
  expect(await inA("post", "f.ts#f", "--each", "1", "--project", "")).toMatchObject({ code: 2 });
});

test("a posting for code that is not here belongs to no project", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { inA, inB } = await writeProjects(cli, { a: "web", b: "worker" });
  await cli.write("b/g.ts", "export const g = () => 'g';");
  expect((await inA("post", "g.ts#g", "--each", "1", "--no-check")).code).toBe(0);
  await inB("pool", "--once");
  expect(await results(db)).toEqual(["g"]);
});

test("jobs post to the project of their pool, and wait says which pool is missing", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const { inA, inB } = await writeProjects(cli);
  await cli.write("b/env.ts", "export const env = () => process.env.PDOFLOW_PROJECT;");
  await inB("post", "env.ts#env", "--each", "1", "--project", "x");
  await inB("pool", "--once", "--project", "x");
  expect(await results(db)).toEqual(["x"]);
  await inA("post", "f.ts#f", "--each", "1", "--project", "y");
  const waited = await inA("wait", "2", "--timeout", "4s");
  expect(waited.code).toBe(124);
  expect(waited.err).toContain(
    "posting 2 waits because no pool is running; start one with: pdoflow pool --project y",
  );
});
