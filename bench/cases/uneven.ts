import type { Case } from "../case.ts";
import { longestFirst, listSchedule } from "../list-schedule.ts";
import { dice } from "../measure.ts";
import { openRig } from "../rig.ts";

const workers = 16;
const medianMs = 60;
const sigma = 1;

export const uneven: Case = {
  name: "uneven",
  what: "long and uneven jobs: lognormal sleeps on 16 workers",
  target: "makespan within 5 % of the best list schedule",
  async run(bench) {
    const jobs = bench.size(2_000, 500);
    const rounds = bench.rounds(5, 2);
    const spans: number[] = [];
    const listed: number[] = [];
    const longest: number[] = [];
    await using rig = await openRig(bench.server, 1, workers);
    const warmups = Array.from({ length: 20 * workers }, () => [5]);
    await rig.run("sleep", warmups);
    for (let round = 1; round <= rounds; round++) {
      const { spanMs, durations } = await rig.run("sleep", lengths(jobs, round));
      spans.push(spanMs);
      listed.push(listSchedule(durations, workers));
      longest.push(longestFirst(durations, workers));
      bench.say(`uneven: round ${round} of ${rounds}`);
    }
    const over = (bases: readonly number[]) =>
      spans.map((span, round) => (span / (bases[round] ?? Number.NaN) - 1) * 100);
    return {
      sizes: { jobs, workers, rounds },
      series: [
        { name: "makespan", unit: "ms", values: spans },
        { name: "list schedule in this order", unit: "ms", values: listed },
        { name: "list schedule, longest first", unit: "ms", values: longest },
      ],
      checks: [
        {
          ...{ name: "over the list schedule in this order", unit: "%", bound: { atMost: 5 } },
          values: over(listed),
        },
        {
          ...{ name: "over the one with the longest first", unit: "%", bound: null },
          values: over(longest),
        },
      ],
      notes: [
        `lognormal, median ${medianMs} ms, sigma ${sigma}; each round has its own, always the same`,
        "both schedules are computed from how long the jobs of the round took, at no cost between",
        "longest first needs to know how long each job takes, which no queue does",
      ],
    };
  },
};

/** Whole milliseconds, by Box and Muller. */
function lengths(count: number, seed: number): number[][] {
  const roll = dice(seed);
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll());
    return [Math.max(1, Math.round(medianMs * Math.exp(sigma * normal)))];
  });
}
