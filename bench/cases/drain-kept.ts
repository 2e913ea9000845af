import type { Case } from "../case.ts";
import { tune } from "../contender.ts";
import { graphile } from "../graphile.ts";
import { ratios } from "../measure.ts";
import { pdoflow } from "../pdoflow.ts";
import { turn } from "../peers.ts";

export const drainKept: Case = {
  name: "drain-kept",
  what: "drains jobs that print 1 KiB and return an object; pdoflow keeps both",
  target: "3x graphile-worker, which keeps neither",
  async run(bench) {
    const { server, cores, isQuick, say } = bench;
    const jobs = bench.jobs(100_000, 3_000);
    const rounds = bench.rounds(5, 2);
    const tuning = { server, jobs: Math.ceil(jobs / 5), takes: 1, most: isQuick ? 1 : 3, say };
    const ours = await tune(await pdoflow(await server.database("kept_a"), cores, "kept"), tuning);
    const theirs = await tune(await graphile(await server.database("kept_b"), "kept"), tuning);
    const rates: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      rates[0].push((await turn(server, ours, jobs)).drain);
      rates[1].push((await turn(server, theirs, jobs)).drain);
      say(`drain-kept: round ${round} of ${rounds}`);
    }
    const [row] = await ours.database.db.sql<{ kept: number }[]>`
      select count(*) as kept from pdoflow.outcome
      where length(stdout) = 1024 and result is not null`;
    if (row?.kept !== jobs) throw new Error(`expected output of ${jobs} jobs, found ${row?.kept}`);
    for (const { database } of [ours, theirs]) await server.drop(database);
    return {
      sizes: { jobs, rounds },
      tuned: { [ours.name]: ours.settings, [theirs.name]: theirs.settings },
      series: [
        { name: ours.name, unit: "jobs/s", values: rates[0] },
        { name: theirs.name, unit: "jobs/s", values: rates[1] },
      ],
      checks: [
        {
          ...{ name: "against graphile-worker", unit: "x", bound: { atLeast: 3 } },
          values: ratios(...rates),
        },
      ],
      notes: ["graphile-worker's jobs print the same 1 KiB, into a pipe that is read"],
    };
  },
};
