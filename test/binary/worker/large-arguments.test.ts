import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { peakBytes } from "../processes.ts";

const mega = 2 ** 20;
/** What a pool may use, whatever the size and the number of its jobs. */
const mostBytes = 500 * mega;

/** PDOFLOW_TEST_LARGE=1 runs all sizes with 1, 2 and 4 workers, and a thousand jobs: minutes. */
const isLong = process.env["PDOFLOW_TEST_LARGE"] !== undefined;

const code = `export const echo = (text: string) => text.length;`;

async function post(cli: Cli, jobs: number, bytes: number): Promise<void> {
  const input = `${"x".repeat(bytes)}\n`.repeat(jobs);
  const posted = await cli.runWith({ input }, "post", "echo.ts#echo", "-", "--each-line");
  expect(posted.err).toBe("");
}

/** Runs what is posted, and returns the most memory that the pool has had; ends it above that. */
async function peakOf(cli: Cli, workers: number): Promise<number> {
  const pool = cli.start("pool", "--once", "--max-workers", String(workers));
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, peakBytes(pool.pid));
    if (peak > mostBytes) pool.kill("SIGKILL");
  }, 5);
  const [said] = await Promise.all([pool.stderr.text(), pool.exited]);
  clearInterval(watching);
  if (pool.exitCode !== 0) throw new Error(`the pool had ${peak} bytes, and said:\n${said}`);
  if (isLong) console.log(`a peak of ${Math.round(peak / mega)} MiB`);
  return peak;
}

const sizes = isLong ? [8, 24, 40, 63] : [32];
const cases = sizes.flatMap((size) =>
  (isLong ? [1, 2, 4] : [2]).map((workers) => ({ size, workers })),
);

test.each(cases)(
  "jobs with $size MiB of arguments run in a pool of $workers workers that stays below 500 MiB",
  async ({ size, workers }) => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await cli.write("echo.ts", code);
    const jobs = isLong ? workers + 1 : 1;
    for (let i = 0; i < jobs; i++) await post(cli, 1, size * mega);
    expect(await peakOf(cli, workers)).toBeLessThan(mostBytes);
    const [row] = await db.sql`
      select count(*)::int as jobs, min(result::text) as result from pdoflow.outcome where state = 'done'`;
    expect(row).toEqual({ jobs, result: String(size * mega) });
  },
  300_000,
);

test("many jobs with large arguments, claimed at once, do not fill a pool", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("echo.ts", code);
  // Of short jobs thousands are claimed at once; nobody knows that those behind them are large.
  await post(cli, 20_000, 1);
  const jobs = isLong ? 1_000 : 200;
  for (let i = 0; i < jobs; i += 100) await post(cli, 100, mega);
  expect(await peakOf(cli, 2)).toBeLessThan(mostBytes);
  const [row] = await db.sql`select sum(done)::int as done from pdoflow.posting`;
  expect(row).toEqual({ done: 20_000 + jobs });
}, 300_000);
