// Fake pools: the claims that a role may make about them, and how they end.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Db } from "../../../src/db/connection/connect.ts";
import { readHealth } from "../../../src/db/admin/health.ts";
import { sendHeartbeat, drainPools, registerPool } from "../../../src/db/engine/pools.ts";
import { rescuePools } from "../../../src/db/engine/rescue.ts";
import { findingsOf } from "../../../src/cli/diagnosis/findings.ts";
import { newPool, numberOf, refusal } from "../engine.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
/** May run pools for her own jobs alone. */
let eve: Db;
let cluster: Db;
let operator: Db;

beforeAll(async () => {
  roles = await withRoles("eve", "cluster", "operator");
  await roles.grant("eve", "poster");
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("cluster", "pool");
  await roles.grant("operator", "operator");
  eve = await roles.as("eve");
  cluster = await roles.as("cluster");
  operator = await roles.as("operator");
});

afterAll(() => roles[Symbol.asyncDispose]());

const fake = (db: Db, slots = 1024) =>
  registerPool(db, {
    ...{ host: "fake", pid: 1, version: "v", osUser: "u", slots, heartbeatTimeoutMs: 86_400_000 },
    ...{ provides: {}, posters: null },
  });

test("O8: a pool that serves its own role alone adds nothing to the slots of other roles", async () => {
  const own = await newPool(eve);
  for (let n = 0; n < 3; n++) await fake(eve);
  const pool = await newPool(cluster);
  expect(await sendHeartbeat(cluster, pool, [])).toMatchObject({ isUp: true, slots: 1 });
  expect(await sendHeartbeat(eve, own, [])).toMatchObject({ slots: 3 * 1024 + 2 });
});

test("the slots of all pools may add up to more than 32 bits", async () => {
  const pool = await newPool(cluster);
  await roles.db.sql`alter table pdoflow.pool drop constraint o7_bounds`;
  await roles.db.sql`
    update pdoflow.pool set slots = 2147483647, serves_all = true where host = 'fake'`;
  expect((await sendHeartbeat(cluster, pool, [])).slots).toBeGreaterThan(2 ** 32);
  await roles.db.sql`update pdoflow.pool set slots = 1, serves_all = false where host = 'fake'`;
});

test("O7: a pool has at most 1024 slots, and a role at most 200 pools for its own jobs", async () => {
  expect(await refusal(fake(eve, 2_147_483_647))).toContain("0 to 1024 worker slots, found");
  await eve.sql`
    select pdoflow.pool_register('{"host": "many", "pid": 1, "version": "v", "osUser": "u"}', 1, 86400000, '{}', null)
    from generate_series(1, 200 - (
      select count(*)::integer from pdoflow.pool
      where state in ('up', 'draining') and role = ${roles.nameOf("eve")}))`;
  expect(await refusal(fake(eve))).toContain("reached its limit of 200 running pools");
  await eve.sql`select pdoflow.pool_end(id) from pdoflow.pool where host = 'many'`;
  expect(await fake(eve)).toBeGreaterThan(0);
});

test("doctor finds a silent pool, and drain ends it, however long its heartbeat timeout", async () => {
  const silent = await fake(cluster);
  const number = await numberOf(roles.db, silent);
  const pool = await newPool(cluster);
  await roles.db.sql`
    update pdoflow.pool set heartbeat_at = heartbeat_at - interval '2 min' where id = ${silent}`;
  expect((await sendHeartbeat(cluster, pool, [])).slots).toBeLessThan(1024);
  const found = findingsOf(await readHealth(roles.db, Date.now), "v");
  expect(found.find(({ found }) => found.startsWith(`pool ${number} `))).toMatchObject({
    remedy: `if it is gone, let other pools end it with: pdoflow drain ${number}`,
  });
  expect(await rescuePools(cluster)).toEqual([]);
  await drainPools(operator, { ids: [number], hosts: [] });
  const rescued = await rescuePools(cluster);
  expect(rescued.map((pool) => pool.number)).toEqual([number]);
});
