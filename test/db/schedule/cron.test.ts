// Cron expressions in SQL, compared with croner: a sample. The slow ring has all zones.
import { afterAll, beforeAll, expect, test } from "bun:test";

import * as fc from "fast-check";

import type { Db } from "../../../src/db/connection/connect.ts";
import { freshQueue } from "../engine.ts";
import {
  anyMoment,
  changesOf,
  commonZones,
  type CronCase,
  earlyExpression,
  expression,
  momentNear,
  timesByCroner,
  timesByDatabase,
} from "./croner.ts";

let db: Db;
let zones: string[];
beforeAll(async () => {
  db = await freshQueue();
  zones = await commonZones(db);
  expect(zones.length).toBeGreaterThan(300);
});
afterAll(() => db[Symbol.asyncDispose]());

const isEqual = (count: number) => async (one: CronCase) =>
  expect([one, ...(await timesByDatabase(db, [one], count))]).toEqual([
    one,
    timesByCroner(one, count),
  ]);

test("the times are those of croner around changes of the clock", async () => {
  const zone = fc.constantFrom(...zones.filter((name) => /^(?:Europe|America)/.test(name)));
  const cases = zone.chain((name) => {
    const changes = changesOf(name);
    return fc.record({
      ...{ cron: earlyExpression, zone: fc.constant(name) },
      after: changes.length > 0 ? momentNear(changes) : anyMoment,
    });
  });
  await fc.assert(fc.asyncProperty(cases, isEqual(12)), { numRuns: 30 });
}, 60_000);

test("the times are those of croner in any zone, over 15 years", async () => {
  const cases = fc.record({
    ...{ cron: expression, zone: fc.constantFrom(...zones), after: anyMoment },
  });
  await fc.assert(fc.asyncProperty(cases, isEqual(6)), { numRuns: 50 });
}, 60_000);
