import { expect, test } from "bun:test";

import { listSchedule, simulate } from "./schedule.ts";

/** Numbers in [0, 1), the same ones each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = chance(7);
const jobs = (count: number, duration: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => duration(i));

const distributions: [string, number[]][] = [
  ["constant", jobs(10_000, () => 10)],
  ["exponential", jobs(10_000, () => -10 * Math.log(1 - random()))],
  ["heavy tail", jobs(10_000, () => Math.min(5 / (1 - random()) ** (1 / 1.5), 3_000))],
  ["bimodal", jobs(10_000, () => (random() < 0.1 ? 100 : 1))],
  ["the first ones slow", jobs(20_000, (i) => (i < 20 ? 1_000 : 2))],
  ["the last ones slower", jobs(20_000, (i) => (i < 19_000 ? 2 : 20))],
  ["long jobs", jobs(200, () => 20_000 + 20_000 * random())],
];

test.each(distributions)(
  "%s: within 5 %% of the list schedule, fair, with few claims",
  (_name, durations) => {
    for (const [pools, workers] of [
      [1, 4],
      [2, 4],
      [4, 16],
    ] as const) {
      const best = listSchedule(durations, pools * workers);
      const { makespanMs, claims, longestUnfairMs } = simulate(durations, pools, workers);
      // The first claims take a tenth of a second, while durations are unknown.
      expect(makespanMs).toBeLessThan(best * 1.05 + 100);
      expect(longestUnfairMs).toBeLessThan(100);
      const perSecondAndPool = claims / pools / (makespanMs / 1000);
      expect(perSecondAndPool).toBeLessThan(20);
    }
  },
);

test("unforeseeable slow jobs at the very end cost at most the time of two of them", () => {
  const durations = jobs(20_000, (i) => (i < 19_950 ? 2 : 500));
  const best = listSchedule(durations, 64);
  expect(simulate(durations, 4, 16).makespanMs).toBeLessThan(best + 2 * 500);
});
