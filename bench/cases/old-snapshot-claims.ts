import type { Case } from "../case.ts";
import { underOldSnapshot } from "../held-snapshot.ts";
import { lastAgainstFirst, tenths } from "../measure.ts";
import { SqlPool, type Turn } from "../sql-pool.ts";

const jobsAClaim = 20;

export const oldSnapshotClaims: Case = {
  name: "old-snapshot-claims",
  what: "claims 20 jobs of one lane and records their end, an old snapshot held",
  target: "cost of a claim and finish: last tenth within 20 % of the first",
  async run(bench) {
    const claims = bench.size(20_000, 400);
    const turns = await underOldSnapshot(bench, "snapshot_lane", async (queue) => {
      await queue.post(claims * jobsAClaim, {});
      const pool = await SqlPool.register(queue.database.db);
      const all: Turn[] = [];
      for (let turn = await pool.turn(jobsAClaim); turn; turn = await pool.turn(jobsAClaim)) {
        all.push(turn);
      }
      return all;
    });
    const claimMs = tenths(turns.map((turn) => turn.claimMs));
    const finishMs = tenths(turns.map((turn) => turn.finishMs));
    const both = tenths(turns.map((turn) => turn.claimMs + turn.finishMs));
    return {
      sizes: { claims: turns.length, "jobs a claim": jobsAClaim },
      series: [
        { name: "claim and read, by tenths", unit: "ms", values: claimMs },
        { name: "record and finish, by tenths", unit: "ms", values: finishMs },
      ],
      checks: [
        {
          ...{ name: "both: last tenth against first", unit: "%", bound: { atMost: 20 } },
          values: [lastAgainstFirst(both)],
        },
      ],
      curves: [
        {
          ...{ title: "A claim of 20 jobs and its end, an old snapshot held", unit: "ms" },
          ...{ xTitle: "tenth of all claims", xs: both.map((_, place) => place + 1) },
          lines: [
            { name: "both", ys: both },
            { name: "claim and read", ys: claimMs },
            { name: "record and finish", ys: finishMs },
          ],
        },
      ],
      notes: ["one connection; every five seconds totals are folded, as a pool does"],
    };
  },
};
