// `--allow`, and that a refused posting delays no other.
import { expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

const source = `export const main = (i) => i; export const other = (i) => -i;`;

async function openAllow(db: TestDatabase): Promise<Commands> {
  const cli = await openCommands(db);
  for (const file of ["jobs/a.ts", "jobs/deep/b.ts", "secret.ts"]) await cli.write(file, source);
  return cli;
}

async function post(cli: Commands, entryPoint: string, input = "[[1]]"): Promise<number> {
  const ended = await cli.runWith({ input }, "post", entryPoint, "-", "--no-check");
  expect(ended).toMatchObject({ code: 0, err: "" });
  return Number(ended.out);
}

const states = async ({ sql }: TestDatabase) => {
  const rows = await sql<{ id: number; done: number; state: string; reason: string | null }[]>`
    select id, done, state, pdoflow.refusal_of(id) as reason from pdoflow.posting order by id`;
  return rows.map(({ done, state, reason }) => [state, done, reason !== null]);
};

test("a pool with --allow runs matching entry points, and leaves all others to other pools, with the reason", async () => {
  await using db = await freshDatabase();
  using cli = await openAllow(db);
  const refused = await post(cli, "secret.ts#main");
  await post(cli, "./jobs//deep/./b.ts#main");
  await post(cli, "jobs/a.ts#other");
  await post(cli, "Jobs/a.ts#main");
  await post(cli, "jobs/a.ts#main");
  const pool = await cli.run("pool", "--once", "--allow", "jobs/**#main");
  expect(await states(db)).toEqual([
    ["open", 0, true],
    ["finished", 1, false],
    ["open", 0, true],
    ["open", 0, true],
    ["finished", 1, false],
  ]);
  expect(pool.err).toContain(`posting ${refused} was refused: it allows only jobs/**#main`);
  expect(pool.code).toBe(1);
  const why = await cli.run("explain", `${refused}/0`);
  expect(why.out).toContain("it allows only jobs/**#main, and this is secret.ts#main");
  const status = await cli.run("status");
  expect(status.out + status.err).toContain("it allows only jobs/**#main");
  expect((await cli.run("pool", "--once", "--allow", "a#b", "--allow", "*#main")).code).toBe(1);
  expect((await states(db))[0]).toEqual(["finished", 1, false]);
});

test("a hundred refused postings of 100 jobs are in the way of none that is allowed", async () => {
  await using db = await freshDatabase();
  using cli = await openAllow(db);
  await db.sql`
    select pdoflow.post('secret.ts#main', (select jsonb_agg(jsonb_build_array(j))
      from generate_series(1, 100) j)) from generate_series(1, 100)`;
  const good = await post(cli, "jobs/a.ts#main");
  const pool = await cli.run("pool", "--once", "--allow", "jobs/*#*");
  expect(pool.err).toContain("ended: 1 done, 0 failed");
  const [row] = await db.sql`select count(*)::integer as count from pdoflow.outcome`;
  expect(row).toEqual({ count: 1 });
  expect((await states(db))[good - 1]).toEqual(["finished", 1, false]);
});

test("other words are no patterns for --allow", async () => {
  await using db = await freshDatabase();
  using cli = await openAllow(db);
  for (const pattern of ["!jobs/**#*", "/etc/**#*", "jobs/**", "#main", "a b#c", ""]) {
    const pool = await cli.run("pool", "--once", "--allow", pattern);
    expect({ pattern, ...pool }).toMatchObject({
      ...{ pattern, code: 2 },
      err: expect.stringContaining("expected patterns of entry points"),
    });
  }
});

test("a pattern also matches packages", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("node_modules/jobs/package.json", '{"name":"jobs","exports":{"./a":"./a.js"}}');
  await cli.write("node_modules/jobs/a.js", "export const main = (i) => i;");
  await post(cli, "jobs/a#main");
  const pool = await cli.run("pool", "--once", "--allow", "jobs/**#*");
  expect(pool.err).toContain("ended: 1 done, 0 failed");
});
