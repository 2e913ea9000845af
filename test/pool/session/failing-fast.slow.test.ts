import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

const jobs = 2_000;

test.each([
  { stopAfter: "0", failed: { atLeast: jobs, atMost: jobs }, claims: { atLeast: 1, atMost: 100 } },
  // More fail while the pool waits for the answer to the statement that stops the posting.
  {
    ...{ stopAfter: "10", failed: { atLeast: 10, atMost: jobs / 4 } },
    claims: { atLeast: 5, atMost: 100 },
  },
])(
  "jobs that all fail are claimed by the hundred with --stop-after $stopAfter",
  async ({ stopAfter, failed, claims }) => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await cli.write("bad.ts", `export const bad = (i: number) => { throw new Error("no " + i); };`);
    const input = JSON.stringify(Array.from({ length: jobs }, (_, i) => [i]));
    const options = ["--max-attempts", "1", "--stop-after", stopAfter];
    await cli.runWith({ input }, "post", "bad.ts#bad", "-", ...options);
    await cli.run("pool", "--once", "--max-workers", "2");
    const [row] = await db.sql`
      select (select count(*)::int from pdoflow.lease) as claims,
             (select count(*)::int from pdoflow.outcome) as failed`;
    expect(row?.["claims"]).toBeWithin(claims.atLeast, claims.atMost);
    expect(row?.["failed"]).toBeWithin(failed.atLeast, failed.atMost + 1);
  },
  60_000,
);

test("neither retries of scattered bad jobs nor those retried by hand stop a posting with good ones", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "bad.ts",
    `export const bad = (i: number) => { if (i % 10 === 0) throw new Error("no " + i); };`,
  );
  const input = JSON.stringify(Array.from({ length: 200 }, (_, i) => [i]));
  await cli.runWith({ input }, "post", "bad.ts#bad", "-", "--backoff", "300ms");
  await cli.run("pool", "--once", "--max-workers", "1");
  const [ended] = await db.sql`select state, reason, done, failed from pdoflow.posting`;
  expect(ended).toEqual({ state: "finished", reason: null, done: 180, failed: 20 });
  await cli.run("retry", "1", "--failed");
  await cli.run("pool", "--once", "--max-workers", "1");
  const [again] = await db.sql`select state, reason, done, failed from pdoflow.posting`;
  expect(again).toEqual(ended);
});
