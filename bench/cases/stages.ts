import { close, mapOver, type Posting, postWork, product, range } from "../../src/index.ts";
import { migrate } from "../../src/db/admin/migrations.ts";
import type { Bench, Case } from "../case.ts";
import { ContenderFailed } from "../contender.ts";
import { clock, ratios } from "../measure.ts";
import { root, runPool } from "../pdoflow.ts";

interface Drained {
  drainMs: number;
  /** The time to post the second stage. */
  postMs: number;
  /** The ranges that were released, and the runs of outcomes of the first stage. */
  released: number;
  runs: number;
}

export const stages: Case = {
  name: "stages",
  what: "drains two stages, the second with the results of the first as its arguments",
  target: "posted in under 10 ms; at most 1.15x two independent postings; a range for each run",
  async run(bench) {
    const jobs = bench.jobs(1_000_000, 50_000);
    const rounds = bench.rounds(5, 2);
    const over: Drained[] = [];
    const apart: Drained[] = [];
    for (let round = 1; round <= rounds; round++) {
      over.push(await drainStages(bench, jobs, (one, where) => mapOver(one, noop, where)));
      apart.push(
        await drainStages(bench, jobs, (_one, where) => postWork(noop, results(jobs), [], where)),
      );
    }
    const drains = (all: readonly Drained[]) => all.map(({ drainMs }) => drainMs);
    return {
      sizes: { jobs, rounds },
      series: [
        { name: "two stages", unit: "ms", values: drains(over) },
        { name: "two independent postings", unit: "ms", values: drains(apart) },
        { name: "ranges released", unit: "count", values: over.map(({ released }) => released) },
      ],
      checks: [
        {
          ...{ name: "post of the second stage", unit: "ms", bound: { below: 10 } },
          values: over.map(({ postMs }) => postMs),
        },
        {
          ...{ name: "against independent postings", unit: "x", bound: { atMost: 1.15 } },
          values: ratios(drains(over), drains(apart)),
        },
        {
          ...{ name: "ranges for each run of outcomes", unit: "x", bound: { atMost: 1 } },
          values: over.map(({ released, runs }) => released / runs),
        },
      ],
      notes: ["the independent posting has the results of the first stage as stored arguments"],
    };
  },
};

const noop = "jobs.ts#noop";
const given = (jobs: number) => product(range(1, jobs), [0.5], ["a"]);

/** What the first stage returns, as lists of arguments. */
function* results(jobs: number) {
  for (let number = 1; number <= jobs; number++) yield [{ number, float: 0.5, name: "a" }];
}

async function drainStages(
  bench: Bench,
  jobs: number,
  postSecond: (one: Posting, where: { db: string; root: string }) => Promise<Posting>,
): Promise<Drained> {
  const database = await bench.server.database("stages");
  const { db, url } = database;
  await migrate(db);
  const where = { db: url, root };
  const one = await postWork("jobs.ts#kept", given(jobs), [], where);
  const postMs = await clock(() => postSecond(one, where));
  const drainMs = await clock(() => runPool(url, bench.cores));
  const [row] = await db.sql<{ done: number; released: number; runs: number }[]>`
    select (select sum(done)::integer from pdoflow.posting) as done,
           (select coalesce(pg_sequence_last_value(
              pg_get_serial_sequence('pdoflow.retry', 'id')::regclass), 0)::integer) as released,
           (select count(*)::integer from pdoflow.outcome_run where posting_id = ${one.id}) as runs`;
  if (row?.done !== 2 * jobs) {
    throw new ContenderFailed(`expected ${2 * jobs} jobs to be done, found ${row?.done}`);
  }
  await close();
  await bench.server.drop(database);
  return { drainMs, postMs, released: row.released, runs: row.runs };
}
