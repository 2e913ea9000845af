import { expect, test } from "bun:test";

import { simulate } from "../../bench/cluster/simulation.ts";
import { dice, mean } from "../../bench/measure.ts";

const costs = {
  ...{ heartbeat: 1, report: 1, house: 2, claim: 1, claimLocked: 0.5, idlePoll: 2, record: 1 },
  ...{ routes: 0, flush: 0 },
};
const scene = {
  ...{ pools: 100, cores: 2, heartbeatMs: 5_000, jobsPerSecond: 0, housekeepers: 8 },
  ...{ pollsPerSecond: 0, seconds: 200 },
};

test("the cores are busy for what the statements take", () => {
  const { busy, claimMs } = simulate(costs, scene, dice(1));
  const perSecond = 20 * (1 + 1) + 1.6 * 2; // ms, of 20 heartbeats and 1.6 housekeepings
  expect(busy * 2 * 1_000).toBeWithin(perSecond * 0.95, perSecond * 1.05);
  expect(claimMs).toEqual([]);
});

test("on idle cores a claim takes its own time, and on busy ones it waits", () => {
  const calm = simulate(costs, { ...scene, jobsPerSecond: 10 }, dice(1));
  expect(mean(calm.claimMs)).toBeWithin(0.9, 1.15);
  const busy = simulate(costs, { ...scene, jobsPerSecond: 900 }, dice(1));
  expect(busy.busy).toBeGreaterThan(0.9);
  expect(mean(busy.claimMs)).toBeGreaterThan(3);
});

test("claims of one lane wait for each other, though cores are idle", () => {
  const slow = { ...costs, claim: 5, claimLocked: 5 };
  const many = { ...scene, cores: 8, jobsPerSecond: 190 };
  const { busy, claimMs } = simulate(slow, many, dice(1));
  expect(busy).toBeLessThan(0.3);
  expect(mean(claimMs)).toBeGreaterThan(30);
});
