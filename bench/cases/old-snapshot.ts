import type { Case } from "../case.ts";
import { underOldSnapshot } from "../held-snapshot.ts";
import { changePerRound, clock, lastAgainstFirst } from "../measure.ts";
import { perSecond } from "../peers.ts";
import { drainBySql } from "../sql-pool.ts";

export const oldSnapshot: Case = {
  name: "old-snapshot",
  what: "drains one posting after the other while a transaction from before them stays open",
  target: "last round within 10 % of the first",
  async run(bench) {
    const jobs = bench.jobs(300_000, 10_000);
    const rounds = bench.rounds(10, 3);
    const drained = (name: string, bySql: boolean) =>
      underOldSnapshot(bench, name, async (queue) => {
        const rates: number[] = [];
        for (let round = 1; round <= rounds; round++) {
          await queue.post(jobs, {});
          const ms = await clock(() =>
            bySql
              ? drainBySql(queue.database.db, { reads: true })
              : queue.drain({ workers: bench.cores }),
          );
          await queue.verify(round * jobs);
          rates.push(perSecond(jobs, ms));
          bench.say(
            `${name}: round ${round} of ${rounds}, ${Math.round(rates.at(-1) ?? 0)} jobs/s`,
          );
        }
        return rates;
      });
    const pool = await drained("snapshot_pool", false);
    const bySql = await drained("snapshot_sql", true);
    const percent = (
      name: string,
      values: readonly number[],
      bound: { atLeast: number } | null,
    ) => ({
      ...{ name, values: [...values], unit: "%" as const, bound },
    });
    return {
      sizes: { jobs, rounds },
      series: [
        { name: "through a pool", unit: "jobs/s", values: pool },
        { name: "SQL alone, arguments read", unit: "jobs/s", values: bySql },
      ],
      checks: [
        percent("a pool: last against first", [lastAgainstFirst(pool)], { atLeast: -10 }),
        percent("SQL alone: last against first", [lastAgainstFirst(bySql)], { atLeast: -10 }),
        percent("a pool: fitted change a round", [changePerRound(pool) * 100], null),
        percent("SQL alone: fitted change a round", [changePerRound(bySql) * 100], null),
      ],
      curves: [
        {
          ...{ title: "Draining with an old snapshot held", xTitle: "round", unit: "jobs/s" },
          xs: pool.map((_, place) => place + 1),
          lines: [
            { name: "through a pool", ys: pool },
            { name: "SQL alone", ys: bySql },
          ],
        },
      ],
      notes: ["the start and the end of the pool are in its time"],
    };
  },
};
