import { fillOneByOne } from "../backlog.ts";
import type { Case } from "../case.ts";
import { underOldSnapshot } from "../held-snapshot.ts";
import { changePerRound, clock } from "../measure.ts";
import { perSecond } from "../peers.ts";

export const oldSnapshotPostings: Case = {
  name: "old-snapshot-postings",
  what: "posts and drains postings of one job each, again and again, an old snapshot held",
  target: "last round at least 0.8 times the first",
  async run(bench) {
    const jobs = bench.jobs(20_000, 1_000);
    const rounds = bench.rounds(10, 3);
    const rates: { post: number[]; drain: number[] } = { post: [], drain: [] };
    await underOldSnapshot(bench, "snapshot_postings", async (queue) => {
      const drain = () => queue.drain({ workers: bench.cores });
      const emptyMs = Math.min(await clock(drain), await clock(drain));
      for (let round = 1; round <= rounds; round++) {
        const postMs = await clock(() => fillOneByOne(queue.database.db, jobs));
        const drainMs = await clock(drain);
        await queue.verify(round * jobs);
        rates.post.push(perSecond(jobs, postMs));
        rates.drain.push(perSecond(jobs, drainMs - emptyMs));
        bench.say(`old-snapshot-postings: round ${round} of ${rounds}`);
      }
    });
    const lastOfFirst = (values: readonly number[]) => [
      (values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN),
    ];
    return {
      sizes: { postings: jobs, rounds },
      series: [
        { name: "posted, 1,000 in a transaction", unit: "jobs/s", values: rates.post },
        { name: "drained by a pool", unit: "jobs/s", values: rates.drain },
      ],
      checks: [
        {
          ...{ name: "draining: last of the first", unit: "x", bound: { atLeast: 0.8 } },
          values: lastOfFirst(rates.drain),
        },
        {
          ...{ name: "posting: last of the first", unit: "x", bound: null },
          values: lastOfFirst(rates.post),
        },
        {
          ...{ name: "draining: fitted change a round", unit: "%", bound: null },
          values: [changePerRound(rates.drain) * 100],
        },
      ],
      curves: [
        {
          ...{ title: "Postings of one job, an old snapshot held", unit: "jobs/s" },
          ...{ xTitle: "round", xs: rates.drain.map((_, place) => place + 1) },
          lines: [
            { name: "drained", ys: rates.drain },
            { name: "posted", ys: rates.post },
          ],
        },
      ],
      notes: ["less the shorter of two runs of a pool with an empty queue"],
    };
  },
};
