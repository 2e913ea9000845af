import { fillOneByOne } from "../backlog.ts";
import type { Case } from "../case.ts";
import { clock, ratios } from "../measure.ts";
import { perSecond } from "../peers.ts";

export const smallPostings: Case = {
  name: "small-postings",
  what: "drains postings of one job each",
  target: "at least graphile-worker's drain",
  async run(bench) {
    const { server, peers } = bench;
    const jobs = bench.jobs(50_000, 2_500);
    const rounds = bench.rounds(5, 2);
    const ours = await peers.get("pdoflow");
    const theirs = await peers.get("graphile");
    const rates: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      for (const [place, contender] of [ours, theirs].entries()) {
        await contender.reset();
        const emptyMs = await contender.emptyMs();
        await (place === 0 ? fillOneByOne(ours.database.db, jobs) : theirs.post(jobs));
        await server.settle(contender.database);
        const ms = await clock(() => contender.drain());
        await contender.verify(jobs);
        rates[place]?.push(perSecond(jobs, ms - emptyMs));
      }
      bench.say(`small-postings: round ${round} of ${rounds}`);
    }
    return {
      sizes: { postings: jobs, rounds },
      tuned: await peers.settings(),
      series: [
        { name: "pdoflow, one job a posting", unit: "jobs/s", values: rates[0] },
        { name: "graphile-worker", unit: "jobs/s", values: rates[1] },
      ],
      checks: [
        {
          ...{ name: "against graphile-worker", unit: "x", bound: { atLeast: 1 } },
          values: ratios(...rates),
        },
      ],
      notes: ["posting them is not measured: pdoflow's are posted by SQL, 1,000 in a transaction"],
    };
  },
};
