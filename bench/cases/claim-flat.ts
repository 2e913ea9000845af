import { migrate } from "../../src/db/admin/migrations.ts";
import { endAll, fill } from "../backlog.ts";
import type { Bench, Case } from "../case.ts";
import { percentile, ratios } from "../measure.ts";
import type { BenchDatabase } from "../server.ts";
import { SqlPool } from "../sql-pool.ts";

const jobsAClaim = 20;
/** How many claims a level makes before it is the next one's turn; the first is not counted. */
const claimsATurn = 11;

export const claimFlat: Case = {
  name: "claim-flat",
  what: "claims 20 jobs and records their end, with more and more that wait, or have ended",
  target: "with 10 thousand, 1 million, 10 million waiting, and with 10 million ended: within 5 %",
  async run(bench) {
    const most = bench.size(10_000_000, 200_000);
    const claims = bench.size(200, 50);
    const rounds = bench.rounds(5, 2);
    const levels = await makeLevels(bench, most);
    const found = levels.map((): number[] => []);
    for (let round = 1; round <= rounds; round++) {
      for (const { database } of levels) {
        await fill(database.db, 10_000); // so that each round finds as many as the one before
        await bench.server.settle(database);
      }
      const medians = await medianTurns(levels, claims);
      for (const [place, median] of medians.entries()) found[place]?.push(median);
      bench.say(`claim-flat: round ${round} of ${rounds}`);
    }
    for (const { database } of levels) await bench.server.drop(database);
    const [least = []] = found;
    const medians = found.map((values) => percentile(values, 0.5));
    return {
      sizes: { most, claims, rounds },
      series: levels.map(({ name }, place) => ({
        ...{ name, unit: "ms", values: found[place] ?? [] },
      })),
      checks: levels.slice(1).map(({ name }, place) => ({
        ...{ name: `${name}, against 10 thousand`, unit: "x", bound: { atMost: 1.05 } },
        values: ratios(found[place + 1] ?? [], least),
      })),
      curves: [
        {
          ...{ title: "A claim of 20 jobs and its end", xTitle: "jobs in the queue", unit: "ms" },
          xs: levels.map(({ name }) => name),
          lines: [{ name: "claim and finish", ys: medians }],
        },
      ],
      notes: [
        "in postings of 10,000 jobs; each level is a database of its own",
        "each round's figure is the median of its claims; the levels take turns of ten",
      ],
    };
  },
};

interface Level {
  name: string;
  database: BenchDatabase;
  pool: SqlPool;
}

async function makeLevels({ server, say }: Bench, most: number): Promise<Level[]> {
  const full = await server.database("flat_full");
  await migrate(full.db);
  await fill(full.db, most);
  say(`claim-flat: ${most} jobs wait`);
  const ended = await server.copy(full, "flat_ended");
  await endAll(ended.db);
  say(`claim-flat: ${most} jobs have ended`);
  const few = await server.database("flat_few");
  const more = await server.database("flat_more");
  for (const [{ db }, jobs] of [
    [few, 10_000],
    [more, most / 10],
  ] as const) {
    await migrate(db);
    await fill(db, jobs);
  }
  await fill(ended.db, 10_000);
  const named = {
    [`${words(10_000)} waiting`]: few,
    [`${words(most / 10)} waiting`]: more,
    [`${words(most)} waiting`]: full,
    [`${words(most)} ended`]: ended,
  };
  return await Promise.all(
    Object.entries(named).map(async ([name, database]) => {
      await server.settle(database);
      return { name, database, pool: await SqlPool.register(database.db) };
    }),
  );
}

const words = (count: number) =>
  count >= 1e6 ? `${count / 1e6} million` : `${count / 1e3} thousand`;

/** The levels take turns, so that whatever else the machine does slows all of them. */
async function medianTurns(levels: readonly Level[], claims: number): Promise<number[]> {
  const took = levels.map((): number[] => []);
  for (let counted = 0; counted < claims; counted += claimsATurn - 1) {
    for (const [place, { pool }] of levels.entries()) {
      for (let claim = 1; claim <= claimsATurn; claim++) {
        const turn = await pool.turn(jobsAClaim);
        if (!turn) throw new Error("expected jobs to claim, found none");
        if (claim > 1) took[place]?.push(turn.claimMs + turn.finishMs);
      }
    }
  }
  return took.map((values) => percentile(values, 0.5));
}
