import { expect, test } from "bun:test";

import { connect } from "../src/db/connection/connect.ts";
import { migrations } from "../src/db/admin/migration-list.ts";
import { schemaState } from "../src/db/admin/schema-state.ts";
import { configuredTarget } from "../src/db/settings/target.ts";
import { serverPaths } from "../src/db/settings/server-paths.ts";
import { freshDatabase } from "./database.ts";
import { isOldestWanted, oldestVersion } from "./oldest-server.ts";

test("a fresh database has the current schema, and no rows of another test", async () => {
  await using one = await freshDatabase();
  await using other = await freshDatabase();
  expect(await schemaState(one.db)).toEqual({
    version: migrations.length,
    compatibleSince: expect.any(Number),
    isOfThisBuild: true,
  });
  await one.sql`create table pdoflow.mine ()`;
  const [found] = await other.sql`select to_regclass('pdoflow.mine')::text as mine`;
  expect(found).toEqual({ mine: null });
});

test("its URL leads to it", async () => {
  await using db = await freshDatabase();
  const target = configuredTarget(db.url, {});
  if (target === null) throw new Error("the URL was not understood");
  await using other = connect(target, { connections: 1 });
  const [row] = await other.sql`select current_database() as name`;
  expect(row).toEqual({ name: db.name });
});

test("it is gone when it was disposed, though others were connected", async () => {
  const db = await freshDatabase();
  await using other = connect(db.db.target, { connections: 1 });
  await other.sql`select 1`;
  await db[Symbol.asyncDispose]();

  await using next = await freshDatabase();
  const left = await next.sql`select from pg_database where datname = ${db.name}`;
  expect(left.length).toBe(0);
});

test("many are made at once", async () => {
  const all = await Promise.all(Array.from({ length: 5 }, () => freshDatabase()));
  expect(new Set(all.map(({ name }) => name)).size).toBe(5);
  await Promise.all(all.map((db) => db[Symbol.asyncDispose]()));
});

const isOther = process.env["PDOFLOW_TEST_DATABASE_URL"] !== undefined;

test.skipIf(isOther)("it is on the newest PostgreSQL, or on the oldest if asked for", async () => {
  await using db = await freshDatabase();
  const user = { env: { PDOFLOW_DATA: "/" }, uid: 0, platform: process.platform, home: "/" };
  const wanted = isOldestWanted() ? oldestVersion : serverPaths(user).serverVersion;
  const [row] = await db.sql`select current_setting('server_version') as version`;
  expect(row).toEqual({ version: wanted.replace(/^(\d+\.\d+)\.\d+$/, "$1") });
});
