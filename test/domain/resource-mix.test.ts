import { expect, test } from "bun:test";

import { latestStart, mixOf, randomFrom, runMix } from "./resource-mix.ts";

test.each([
  ["of one length", () => 1_000],
  ["of 0.5 to 1.5 s", (random: () => number) => 500 + 1_000 * random()],
  ["of mostly short ones", (random: () => number) => -1_000 * Math.log(1 - random())],
])(
  "4,000 jobs %s keep 64 cpus and 4 gpus busy, and large ones start within twice their FIFO start",
  (_what, durationMs) => {
    const jobs = mixOf(4_000, randomFrom(7), durationMs);
    const mixed = runMix(jobs, true);
    const inOrder = runMix(jobs, false);
    expect(mixed.occupancy).toBeGreaterThan(0.95);
    expect(mixed.occupancy).toBeGreaterThan(inOrder.occupancy);
    expect(latestStart(jobs, mixed, inOrder)).toBeLessThanOrEqual(2);
  },
);
