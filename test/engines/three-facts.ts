// What every way to start pools has to show: 200 jobs run; a pool that is told to end costs no
// attempt; and the jobs of a pool that is killed run again.
import { expect } from "bun:test";

import { type CommandLine, until } from "../binary/cli.ts";
import { brokenInvariants } from "../db/invariants.ts";
import type { TestDatabase } from "../database.ts";

const size = 200;

/** From 1000 on, half of the jobs wait for a file, so that a pool ends in the middle of them. */
const source = `
import { existsSync } from "node:fs";
export async function noted(i: number) {
  const gate = import.meta.dir + "/go-" + Math.floor(i / 1000);
  while (i % 1000 > 100 && i > 1000 && !existsSync(gate)) await Bun.sleep(20);
}`;

export interface EnginePool {
  /** As the engine ends a pool. Resolves to its exit code. */
  stop(): Promise<number>;
  kill(): Promise<void>;
}

/** `start` starts a pool with the folder of `cli` as its root, until that answers. */
export async function showThreeFacts(
  { sql, db }: TestDatabase,
  cli: CommandLine,
  start: () => Promise<EnginePool>,
): Promise<void> {
  await cli.write("noted.ts", source);
  const post = async (first: number) => {
    const jobs = `${first + 1}-${first + size}`;
    const { code, out, err } = await cli.run("post", "noted.ts#noted", "--each", jobs);
    if (code !== 0) throw new Error(err);
    return Number(out);
  };
  const untilDone = async (posting: number, least: number) =>
    await until(`${least} jobs`, async () => {
      const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from pdoflow.outcome
         where posting_id = ${posting} and state = 'done'`;
      return (row?.n ?? 0) >= least;
    });
  const outcomesOf = async (posting: number) => [
    ...(await sql<{ state: string; n: number; used: number }[]>`
      select state::text, count(*)::int as n, max(attempt)::int as used
        from pdoflow.outcome where posting_id = ${posting} group by state`),
  ];
  const untilPool = async (state: string) =>
    await until(`a pool that is ${state}`, async () => {
      const rows = await sql`select from pdoflow.pool where state::text ~ ${state}`;
      return rows.length > 0;
    });
  const allOnce = [{ state: "done", n: size, used: 1 }];

  const first = await start();
  const quiet = await post(0);
  await untilDone(quiet, size);
  expect(await outcomesOf(quiet)).toEqual(allOnce);

  const stopped = await post(1000);
  await untilDone(stopped, 10);
  const end = first.stop();
  await untilPool("draining|stopped");
  await cli.write("go-1", "");
  expect(await end).toBe(0);
  const second = await start();
  await untilDone(stopped, size);
  expect(await outcomesOf(stopped)).toEqual(allOnce);

  const killed = await post(2000);
  await untilDone(killed, 10);
  await second.kill();
  const third = await start();
  await untilPool("lost");
  await cli.write("go-2", "");
  await untilDone(killed, size);
  expect(await third.stop()).toBe(0);
  expect(await brokenInvariants(db)).toEqual([]);
}
