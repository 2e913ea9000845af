// What a transaction that stays open does to the queue, a backup or a report: nothing that it could
// see is vacuumed. Queues that update a row for each job slow down by the minute then.
import { cpus } from "node:os";

import { connect, type Db } from "../src/db/connect.ts";
import { ContenderFailed } from "./contender.ts";
import { changePerRound, tenths } from "./measure.ts";
import { pdoflow } from "./pdoflow.ts";
import type { BenchServer } from "./server.ts";
import { SqlPool, type Turn } from "./sql-pool.ts";

export interface OldSnapshotOptions {
  /** Of 20 jobs each, on one lane. */
  claims: number;
  /** How many postings are posted and drained, one after the other, and of how many jobs. */
  rounds: number;
  jobs: number;
}

export interface OldSnapshotResult {
  /** Means of the tenths of all claims, in ms. */
  claimMs: number[];
  finishMs: number[];
  /** Jobs for each second, round by round: by the SQL functions alone, and through a pool. */
  sqlRates: number[];
  poolRates: number[];
}

const jobsAClaim = 20;
/** As many as a pool records at once. */
const jobsABatch = 2_000;
const connections = 2;

type Contestant = Awaited<ReturnType<typeof pdoflow>>;
type Say = (line: string) => void;

export async function oldSnapshot(
  server: BenchServer,
  { claims, rounds, jobs }: OldSnapshotOptions,
  say: Say,
): Promise<OldSnapshotResult> {
  const workers = cpus().length;
  const turns = await underOldSnapshot(server, "bench_lane", async (db, queue) => {
    await queue.post(claims * jobsAClaim, { batchSize: 5_000 });
    const pool = await SqlPool.register(db);
    return await drain(pool, jobsAClaim);
  });
  say(`${turns.length} claims of one lane`);
  const drained = (name: string, how: (db: Db, queue: Contestant) => Promise<void>) =>
    underOldSnapshot(server, name, async (db, queue) => {
      const rates: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        await queue.post(jobs, { batchSize: 5_000 });
        const startedAt = performance.now();
        await how(db, queue);
        rates.push((jobs / (performance.now() - startedAt)) * 1000);
        await queue.verify(round * jobs);
        say(`${name}: round ${round} of ${rounds}, ${Math.round(rates.at(-1) ?? 0)} jobs/s`);
      }
      return rates;
    });
  return {
    claimMs: tenths(turns.map(({ claimMs }) => claimMs)),
    finishMs: tenths(turns.map(({ finishMs }) => finishMs)),
    sqlRates: await drained("bench_sql", async (db) => {
      const all = Array.from({ length: connections }, async () => {
        await using own = connect(db.target, { connections: 1 });
        await drain(await SqlPool.register(own), jobsABatch);
      });
      await Promise.all(all);
    }),
    poolRates: await drained("bench_pool", (_db, queue) => queue.drain({ workers })),
  };
}

/** Runs `work` on an empty queue while a transaction stays open that has seen it empty. */
async function underOldSnapshot<T>(
  server: BenchServer,
  name: string,
  work: (db: Db, queue: Contestant) => Promise<T>,
): Promise<T> {
  const database = await server.database(name);
  const queue = await pdoflow(database, cpus().length);
  await queue.reset();
  await using old = connect(database.db.target, { connections: 1 });
  await old.sql`begin isolation level repeatable read`;
  await old.sql`select from pdoflow.posting`;
  const result = await work(database.db, queue);
  const [row] = await old.sql<{ seen: number }[]>`
    select count(*)::integer as seen from pdoflow.posting`;
  if (row?.seen !== 0) throw new ContenderFailed("expected a snapshot from before all postings");
  await old.sql`rollback`;
  return result;
}

/** Claims and ends up to `most` jobs at a time until there are none. */
async function drain(pool: SqlPool, most: number): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let turn = await pool.turn(most); turn; turn = await pool.turn(most)) turns.push(turn);
  return turns;
}

/** The tables that are printed. */
export function oldSnapshotLines(result: OldSnapshotResult): string[] {
  const { claimMs, finishMs, sqlRates, poolRates } = result;
  const both = claimMs.map((ms, place) => ms + (finishMs[place] ?? Number.NaN));
  const row = (name: string, values: readonly number[], text: (value: number) => string) =>
    name.padEnd(18) + values.map((value) => text(value).padStart(9)).join("");
  const ms = (value: number) => value.toFixed(2);
  const rate = (value: number) => Math.round(value).toLocaleString("en");
  const percent = (value: number) => `${value < 0 ? "" : "+"}${(value * 100).toFixed(1)} %`;
  const change = (values: readonly number[]) => (values.at(-1) ?? NaN) / (values[0] ?? NaN) - 1;
  const trend = (values: readonly number[]) =>
    `last against first ${percent(change(values))}, ` +
    `trend ${percent(changePerRound(values))} a round`;
  return [
    "one lane, an old snapshot held, ms for each claim of 20 jobs and for its end, by tenths",
    row("claim and read", claimMs, ms),
    row("record and finish", finishMs, ms),
    row("both", both, ms),
    `both: last tenth against first ${percent(change(both))}`,
    "",
    "draining one posting after the other, an old snapshot held, jobs/s by rounds",
    row("SQL alone", sqlRates, rate),
    row("through a pool", poolRates, rate),
    `SQL alone: ${trend(sqlRates)}`,
    `through a pool: ${trend(poolRates)}`,
  ];
}
