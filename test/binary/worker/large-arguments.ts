import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";
import { peakBytes } from "../processes.ts";

const mega = 2 ** 20;
/** The memory limit of a pool, whatever the size and number of its jobs. */
const mostBytes = 500 * mega;

const code = `export const echo = (text: string) => text.length;`;

async function post(cli: Cli, jobs: number, bytes: number): Promise<void> {
  const input = `${"x".repeat(bytes)}\n`.repeat(jobs);
  const posted = await cli.runWith({ input }, "post", "echo.ts#echo", "-", "--each-line");
  expect(posted.err).toBe("");
}

/** Runs the posted jobs, and returns the maximum memory of the pool; stops it above that limit. */
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
  return peak;
}

/** Registers the test of one size and one pool, whose memory has a bound. */
export function testLarge(sizeMib: number, workers: number, jobs: number, mostMib = 500): void {
  test(`${jobs} jobs with ${sizeMib} MiB of arguments run in ${workers} workers below ${mostMib} MiB`, async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await cli.write("echo.ts", code);
    for (let i = 0; i < jobs; i++) await post(cli, 1, sizeMib * mega);
    expect(await peakOf(cli, workers)).toBeLessThan(mostMib * mega);
    const [row] = await db.sql`
      select count(*)::int as jobs, min(result::text) as result
      from pdoflow.outcome where state = 'done'`;
    expect(row).toEqual({ jobs, result: String(sizeMib * mega) });
  }, 300_000);
}

/** Registers the test of many jobs of 1 MiB behind thousands of short ones. */
export function testMany(jobs: number): void {
  test(`${jobs} jobs with large arguments, claimed at once, do not fill a pool`, async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await cli.write("echo.ts", code);
    // Short jobs are claimed by the thousand; it is unknown that large ones follow.
    await post(cli, 20_000, 1);
    for (let i = 0; i < jobs; i += 100) await post(cli, 100, mega);
    expect(await peakOf(cli, 2)).toBeLessThan(mostBytes);
    const [row] = await db.sql`select sum(done)::int as done from pdoflow.posting`;
    expect(row).toEqual({ done: 20_000 + jobs });
  }, 300_000);
}
