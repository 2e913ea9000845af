// A schedule posts for its poster, with the rights and limits that this role has at the time.
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";

import { readScheduleHealth } from "../../../src/db/admin/schedule-health.ts";
import { type Db, errorCode } from "../../../src/db/connection/connect.ts";
import { fireDue } from "../../../src/db/engine/starts.ts";
import { readSchedules } from "../../../src/db/posting/schedules.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
let ada: Db;
let eve: Db;
let pool: Db;
let operator: Db;

beforeAll(async () => {
  roles = await withRoles("ada", "eve", "pool", "operator");
  await roles.grant("ada", "poster", { maxOpen: 1 });
  await roles.grant("eve", "poster");
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("pool", "pool");
  await roles.grant("operator", "operator");
  ada = await roles.as("ada");
  eve = await roles.as("eve");
  pool = await roles.as("pool");
  operator = await roles.as("operator");
});
afterAll(() => roles[Symbol.asyncDispose]());

beforeEach(async () => {
  await roles.db
    .sql`truncate pdoflow.schedule, pdoflow.fire, pdoflow.posting, pdoflow.lane cascade`;
  await ada.sql`
    select pdoflow.schedule('hers', 'every 10m', 'work.ts#main', '[1]', '{"osUser": "ada"}',
                            '{"overlap": "allow"}')`;
});

const makeDue = () => roles.db.sql`
  update pdoflow.schedule
  set created_at = created_at - interval '10 min', nominal_at = nominal_at - interval '10 min',
      fires_at = fires_at - interval '10 min'`;

const posters = async () =>
  (
    await roles.db.sql<{ poster: string }[]>`
      select r.poster from pdoflow.posting p join pdoflow.route r on r.id = p.route_id`
  ).map(({ poster }) => poster);

test("a pool of another role fires it, for its poster", async () => {
  await makeDue();
  await fireDue(pool);
  expect(await posters()).toEqual([roles.nameOf("ada")]);
});

test("a pool that runs only the jobs of its own role does not fire it", async () => {
  await makeDue();
  await fireDue(eve);
  expect(await posters()).toEqual([]);
});

test("the limits of its poster apply, and the time is noted", async () => {
  await makeDue();
  await fireDue(pool);
  await ada.sql`select pdoflow.run_schedule('hers')`;
  expect(await posters()).toHaveLength(1);
  const [, refused] = await ada.sql`
    select outcome, reason from pdoflow.fires order by nominal_at`;
  expect(refused).toEqual({
    outcome: "refused",
    reason: expect.stringContaining("has reached its limit of 1 open postings"),
  });
});

test("a flow is posted for its poster, with the limits of that role", async () => {
  const flow = { name: "f", stages: [{ stage: "a", run: "a.ts#f" }] };
  const more = [...flow.stages, { stage: "b", run: "b.ts#f", jobs: { over: "a" } }];
  const add = (stages: object[]) => ada.sql`
    select pdoflow.schedule_flow('hers', 'every 10m',
      ${JSON.stringify({ ...flow, stages })}::text::json)`;
  await add(flow.stages);
  await makeDue();
  await fireDue(pool);
  expect(await posters()).toEqual([roles.nameOf("ada")]);
  await roles.db.sql`truncate pdoflow.posting, pdoflow.lane cascade`;
  expect(errorCode(await add(more).catch((caught: unknown) => caught))).toBe("PF001");
  await roles.grant("ada", "poster");
  await add(more);
  await roles.grant("ada", "poster", { maxOpen: 1 });
  await makeDue();
  await fireDue(pool);
  const [last] = await ada.sql`select outcome, reason from pdoflow.fires order by fired_at desc`;
  expect(last).toEqual({
    ...{ outcome: "refused", reason: expect.stringContaining("limit of 1 open postings") },
  });
  expect(await posters()).toEqual([]);
});

test("a poster who may not post any more has none", async () => {
  await makeDue();
  await roles.db.sql`
    delete from pdoflow.grantee where role = ${roles.nameOf("ada")}::regrole`;
  await fireDue(pool);
  await roles.grant("ada", "poster", { maxOpen: 1 });
  expect(await posters()).toEqual([]);
  expect(await ada.sql`select reason from pdoflow.fires`).toMatchObject([
    { reason: expect.stringContaining("may not post any more") },
  ]);
});

test("only the owner can have prunes, and only pools of the owner run them", async () => {
  const add = (db: Db) => db.sql`
    select pdoflow.schedule_prune('prune', 'every 10m', '{"olderThanMs": 0}')`;
  expect(errorCode(await add(ada).catch((caught: unknown) => caught))).toBe("42501");
  expect(await readScheduleHealth(operator)).toMatchObject({ hasPrune: false, latePrunes: [] });
  await add(roles.db);
  expect(await readScheduleHealth(operator)).toMatchObject({ hasPrune: true, latePrunes: [] });
  await makeDue();
  await fireDue(pool);
  expect(await pool.sql`select * from pdoflow.pool_prune_due()`).toHaveLength(0);
  expect(await roles.db.sql`select * from pdoflow.pool_prune_due()`).toHaveLength(1);
  await makeDue();
  await roles.db.sql`truncate pdoflow.fire`;
  await roles.db
    .sql`update pdoflow.schedule set poster = ${roles.nameOf("ada")} where name = 'prune'`;
  expect(await roles.db.sql`select * from pdoflow.pool_prune_due()`).toHaveLength(0);
  expect(
    await roles.db.sql`select outcome, reason from pdoflow.fires where name = 'prune'`,
  ).toMatchObject([
    { outcome: "refused", reason: expect.stringContaining("may not prune any more") },
  ]);
});

test("others neither see nor change it, and operators can", async () => {
  expect(await readSchedules(eve)).toHaveLength(0);
  for (const act of [
    "pause_schedule('hers', true)",
    "run_schedule('hers')",
    "delete_schedule('hers')",
  ]) {
    const error = await eve.sql.unsafe(`select pdoflow.${act}`).catch((caught: unknown) => caught);
    expect(errorCode(error)).toBe("PF003");
  }
  expect(await readSchedules(operator)).toHaveLength(1);
  await operator.sql`select pdoflow.pause_schedule('hers', true)`;
  expect(await readSchedules(ada)).toMatchObject([{ isPaused: true }]);
});
