import { latestStart, mixOf, randomFrom, runMix } from "../../test/domain/resource-mix.ts";
import type { Case } from "../case.ts";
import { run } from "../contender.ts";
import { binary, root, runPool } from "../pdoflow.ts";

const mixedJobs = 10_000;
/** A program that knows only a number of jobs must have room for the largest ones, of 2 gpus. */
const largestAtOnce = 2;
const usPerMs = 1_000;

export const resources: Case = {
  name: "resources",
  what:
    "drains no-op jobs with and without --needs cpus=1; simulates 10,000 jobs of 1, 4 and 16 cpus " +
    "and 0 to 2 gpus on 64 cpus and 4 gpus",
  target: "under 5 µs a job; over 95 % of the achievable, large jobs within twice their FIFO start",
  async run(bench) {
    const { server, cores } = bench;
    const jobs = bench.jobs(1_000_000, 200_000);
    const rounds = bench.rounds(5, 2);
    const database = await server.database("resources");
    const drain = async (needs: readonly string[]): Promise<number> => {
      const each = ["--each", `1-${jobs}`, "--no-results", ...needs];
      await run([binary, "post", "jobs.ts#noop", ...each, "--database", database.url], root);
      await server.settle(database);
      const before = performance.now();
      await runPool(database.url, cores);
      return performance.now() - before;
    };
    await run([binary, "migrate", "--database", database.url], root);
    await drain([]);
    const needs = ["--needs", "cpus=1"];
    const [without, counted]: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      // In turn, so that a change of the machine over time cancels out in the differences.
      const isCountedFirst = round % 2 === 0;
      if (isCountedFirst) counted.push(await drain(needs));
      without.push(await drain([]));
      if (!isCountedFirst) counted.push(await drain(needs));
      bench.say(`resources: round ${round} of ${rounds}`);
    }
    await server.drop(database);
    const mixes = Array.from({ length: rounds }, (_, seed) => mixed(seed + 1));
    const of = (name: keyof Mixed) => mixes.map((mix) => mix[name]);
    return {
      sizes: { jobs, rounds, mixedJobs },
      series: [
        { name: "without needs", unit: "ms", values: without },
        { name: "with --needs cpus=1", unit: "ms", values: counted },
        { name: "mix: occupancy in strict order", unit: "%", values: of("inOrder") },
        { name: "mix: occupancy of two jobs at a time", unit: "%", values: of("twoAtOnce") },
      ],
      checks: [
        {
          ...{ name: "cost of --needs for a job", unit: "µs", bound: { atMost: 5 } },
          values: counted.map((ms, i) => ((ms - (without[i] ?? NaN)) * usPerMs) / jobs),
        },
        {
          ...{ name: "mix: occupancy", unit: "%", bound: { atLeast: 95 } },
          values: of("occupancy"),
        },
        {
          ...{ name: "mix: latest start of a large job", unit: "x", bound: { atMost: 2 } },
          values: of("latest"),
        },
      ],
      notes: [
        "the cost of --needs is the difference of the two drains of a round, for each job",
        "occupancy is a share of the least possible makespan, that of the gpus if they never wait",
        "two jobs at a time: what parallel --jobs can say if each job may take two of four gpus",
        "the mix is a simulation with the functions of the pool; each round has another seed",
      ],
    };
  },
};

interface Mixed {
  occupancy: number;
  inOrder: number;
  twoAtOnce: number;
  latest: number;
}

/** Durations are exponential, with a mean of one second. */
function mixed(seed: number): Mixed {
  const jobs = mixOf(mixedJobs, randomFrom(seed), (random) => -1_000 * Math.log(1 - random()));
  const [overtaking, inOrder] = [runMix(jobs, true), runMix(jobs, false)];
  const total = jobs.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const leastMs = overtaking.occupancy * overtaking.makespanMs;
  return {
    occupancy: 100 * overtaking.occupancy,
    inOrder: 100 * inOrder.occupancy,
    twoAtOnce: (100 * leastMs * largestAtOnce) / total,
    latest: latestStart(jobs, overtaking, inOrder),
  };
}
