// Cron expressions in SQL, compared with croner, in each zone of the world over 15 years.
import { expect, test } from "bun:test";

import * as fc from "fast-check";

import { freshQueue } from "../engine.ts";
import {
  anyMoment,
  changesOf,
  commonZones,
  earlyExpression,
  expression,
  momentNear,
  timesByCroner,
  timesByDatabase,
} from "./croner.ts";

const seed = Number(process.env["PDOFLOW_TEST_SEED"] ?? Math.floor(Math.random() * 1e6));
const perZone = 40;

test(`the times are those of croner in each of 400 zones, with the seed ${seed}`, async () => {
  await using db = await freshQueue();
  const zones = await commonZones(db);
  expect(zones.length).toBeGreaterThan(400);
  for (const [i, zone] of zones.entries()) {
    const changes = changesOf(zone);
    const after = changes.length > 0 ? fc.oneof(anyMoment, momentNear(changes)) : anyMoment;
    const cases = fc.sample(
      fc.record({
        ...{ cron: fc.oneof(expression, earlyExpression), zone: fc.constant(zone), after },
      }),
      { numRuns: perZone, seed: seed + i },
    );
    const times = await timesByDatabase(db, cases, 8);
    expect(cases.map((one, i) => [one, times[i]])).toEqual(
      cases.map((one) => [one, timesByCroner(one, 8)]),
    );
  }
}, 600_000);
