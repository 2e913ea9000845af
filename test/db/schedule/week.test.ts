// A week of schedules on a clock of the test, with pools that come late and pools that die.
import { expect, test } from "bun:test";

import { freshQueue } from "../engine.ts";
import { simulateWeek } from "./simulated-week.ts";

test("H2: two pools fire each time of a week once, while the clock changes and pools fail", async () => {
  await using db = await freshQueue();
  const seed = Number(process.env["PDOFLOW_TEST_SEED"] ?? 1);
  const { expected, found } = await simulateWeek(db, new Date("2026-10-21T09:10:00Z"), seed);
  expect(found).toEqual(expected);
  for (const outcome of ["posted", "skipped", "missed"]) {
    expect(expected.filter((line) => line.endsWith(outcome)).length).toBeGreaterThan(20);
  }
}, 60_000);
