// The simulated week again, around changes of the clock in all its zones, with other seeds.
import { describe, expect, test } from "bun:test";

import { freshQueue } from "../engine.ts";
import { simulateWeek } from "./simulated-week.ts";

const first = Number(process.env["PDOFLOW_TEST_SEED"] ?? Math.floor(Math.random() * 1e6));

describe.each([
  "2026-03-05T20:01:00Z", // New York skips an hour
  "2026-03-25T00:00:00Z", // Berlin skips an hour
  "2026-03-31T11:59:30Z", // Lord Howe repeats half an hour
  "2026-09-29T22:30:00Z", // Lord Howe skips half an hour
  "2026-10-20T03:07:00Z", // Berlin repeats an hour
  "2026-10-28T16:45:00Z", // New York repeats an hour
])("H2: a week from %s", (from) => {
  test.each([first, first + 1])(
    "with the seed %d",
    async (seed) => {
      await using db = await freshQueue();
      const { expected, found } = await simulateWeek(db, new Date(from), seed);
      expect(found).toEqual(expected);
    },
    120_000,
  );
});
