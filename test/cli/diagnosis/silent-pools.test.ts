import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { newPool, silentPool } from "../../db/engine.ts";
import { documentOf } from "../commands/json.ts";
import { openCommands } from "../in-process.ts";

const silent = "pool 1 on lost-host has sent no heartbeat for 2.0 h; ";
const remedy = "to release these jobs, start a pool: pdoflow pool";

test("explain, status and wait name a pool that is gone, and who releases its jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await silentPool(db.db, 2);
  expect((await cli.run("explain", "1/0")).out).toBe(
    `1/0 is claimed by a pool on lost-host; ${silent}${remedy}.\n`,
  );
  expect((await cli.run("explain", "1")).out).toBe(
    `posting 1 is running: pools have 2 jobs in hand; ${silent}${remedy}. ` +
      "None of its 2 jobs has ended.\n",
  );
  expect((await cli.run("status", "1")).err).toContain(`posting 1: ${silent}${remedy}\n`);
  await cli.run("cancel", "1");
  const waited = await cli.run("wait", "1", "--timeout", "2500ms");
  expect(waited).toMatchObject({ code: 124 });
  expect(waited.err).toContain(`posting 1: ${silent}${remedy}\n`);
  await newPool(db.db);
  expect((await cli.run("explain", "1")).out).toContain(
    `${silent}another pool will release these jobs. `,
  );
});

test("pools and status show such a pool as stale", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await silentPool(db.db, 1);
  await newPool(db.db);
  const { out } = await cli.run("pools");
  expect(out).toMatch(/^1 +lost-host .* stale +7200\.\d s ago/m);
  expect(out).toMatch(/^2 +here .* up +0\.\d s ago/m);
  expect((await cli.run("status")).out).toMatch(/^1 +lost-host .* stale /m);
  const { pools } = documentOf("pools", (await cli.run("pools", "--json")).out);
  expect(pools.map(({ id, state, isStale }) => [id, state, isStale])).toEqual([
    [2, "up", false],
    [1, "up", true],
  ]);
});

test("the jobs of a run are released by continuing it", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await silentPool(db.db, 1);
  await db.sql`update pdoflow.route set run = 'token'`;
  expect((await cli.run("explain", "1")).out).toContain(
    `${silent}to release these jobs and run them: pdoflow run --resume 1. `,
  );
});
