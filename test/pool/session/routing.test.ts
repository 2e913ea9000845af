import { expect, test } from "bun:test";

import { osUser } from "../../../src/db/settings/os-user.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

const input = "[[1],[2]]";

async function ready(cli: Commands): Promise<void> {
  await cli.write("id.ts", "export const id = (x: number) => x;");
}

const done = async (db: TestDatabase) => {
  const rows = await db.sql`select id, done from pdoflow.posting order by id`;
  return rows.map((row) => row["done"]);
};

test("jobs only go to pools that provide what they need", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await ready(cli);
  await cli.runWith({ input }, "post", "id.ts#id", "-", "--needs", "gpu,mem>=16G");
  await cli.runWith({ input }, "post", "id.ts#id", "-");
  await cli.run("pool", "--once");
  expect(await done(db)).toEqual([0, 2]);
  await cli.run("pool", "--once", "--resource", "gpu", "--resource", "mem=8G");
  expect(await done(db)).toEqual([0, 2]);
  await cli.run("pool", "--once", "--resource", "gpu", "--resource", "mem=64G");
  expect(await done(db)).toEqual([2, 2]);
});

test("--posters and --only-mine run the jobs of some posters only", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await ready(cli);
  await cli.runWith({ input }, "post", "id.ts#id", "-");
  await db.sql`update pdoflow.route set poster_os = 'ann'`;
  await cli.runWith({ input }, "post", "id.ts#id", "-");
  await cli.run("pool", "--once", "--posters", "bob");
  expect(await done(db)).toEqual([0, 0]);
  await cli.run("pool", "--once", "--only-mine");
  expect(await done(db)).toEqual([0, 2]);
  await cli.run("pool", "--once", "--posters", "bob,ann");
  expect(await done(db)).toEqual([2, 2]);
  const routes = await db.sql`select poster, poster_os from pdoflow.route order by id`;
  expect([...routes]).toEqual([
    { poster: db.db.target.user, posterOs: "ann" },
    { poster: db.db.target.user, posterOs: osUser() },
  ]);
});

test("needs and provisions that can't be read are refused", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await ready(cli);
  const post = await cli.runWith({ input }, "post", "id.ts#id", "-", "--needs", "mem>16G");
  expect(post).toMatchObject({ code: 2 });
  expect(post.err).toContain('found "mem>16G"');
  expect(await cli.run("pool", "--once", "--resource", "=4")).toMatchObject({ code: 2 });
});
