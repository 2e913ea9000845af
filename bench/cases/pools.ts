import type { Case } from "../case.ts";
import { mean, percentile, ratios } from "../measure.ts";
import { perSecond } from "../peers.ts";
import { openRig, shareOfIdeal } from "../rig.ts";

const counts = [1, 2, 4, 8];
/** The least share of linear, in percent. */
const targets = [100, 97, 97, 95];
const workers = 2;
const sleepMs = 5;

export const pools: Case = {
  name: "pools",
  what: "1, 2, 4, 8 pools of two workers on one posting of 5 ms sleeps",
  target: "97 % of linear for 2 and 4 pools, 95 % for 8",
  async run(bench) {
    const jobsAWorker = bench.size(400, 50);
    const rounds = bench.rounds(5, 1);
    const rates = counts.map((): number[] => []);
    const shares = counts.map((): number[] => []);
    for (let round = 1; round <= rounds; round++) {
      for (const [place, count] of counts.entries()) {
        await using rig = await openRig(bench.server, count, workers);
        const all = count * workers;
        const jobs = (most: number) => Array.from({ length: all * most }, () => [sleepMs]);
        await rig.run("sleep", jobs(20)); // every worker has imported the code
        const timeline = await rig.run("sleep", jobs(jobsAWorker));
        rates[place]?.push(perSecond(timeline.durations.length, timeline.spanMs));
        shares[place]?.push(shareOfIdeal(timeline, all));
        bench.say(`pools: ${count} in round ${round}, a sleep took ${mean(timeline.durations)} ms`);
      }
    }
    const linear = (place: number) =>
      ratios(rates[place] ?? [], rates[0] ?? []).map((n) => (n / (counts[place] ?? 1)) * 100);
    const medians = (all: number[][]) => all.map((values) => percentile(values, 0.5));
    return {
      sizes: { "workers a pool": workers, "jobs a worker": jobsAWorker, rounds },
      series: [
        ...counts.map((count, place) => ({
          ...{ name: `${count} pools`, unit: "jobs/s" as const, values: rates[place] ?? [] },
        })),
        ...counts.map((count, place) => ({
          ...{ name: `${count} pools, share of ideal`, unit: "%" as const },
          values: shares[place] ?? [],
        })),
      ],
      checks: counts.slice(1).map((count, place) => ({
        ...{ name: `${count} pools, of ${count} times one`, unit: "%", values: linear(place + 1) },
        bound: { atLeast: targets[place + 1] ?? 0 },
      })),
      curves: [
        {
          ...{ title: "Pools on one posting of 5 ms sleeps", xTitle: "pools", unit: "jobs/s" },
          xs: counts,
          lines: [
            { name: "measured", ys: medians(rates) },
            { name: "linear", ys: counts.map((count) => count * (medians(rates)[0] ?? 0)) },
          ],
        },
      ],
      notes: [
        "the share of ideal is that of the workers' time in which they slept",
        `on ${bench.cores} cores, which the server, the pools and the workers share`,
      ],
    };
  },
};
