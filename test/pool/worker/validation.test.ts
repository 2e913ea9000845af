import { expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

test("a worker checks arguments again: a job that its schema refuses fails permanently without running", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  symlinkSync(join(import.meta.dir, "../../../node_modules"), join(cli.folder, "node_modules"));
  await cli.write(
    "fit.ts",
    `import { job } from "pdoflow";
     import * as z from "zod";
     import { type } from "arktype";
     import * as v from "valibot";
     const Day = z.object({ day: z.string().transform((day) => new Date(day)), n: z.number().default(2) });
     export const byZod = job(({ day, n }) => day.getUTCFullYear() * n, { args: Day });
     export class Fits {
       static factor = 3;
       static byArk(n: number) { return n * this.factor; }
     }
     Fits.byArk = job(Fits.byArk, { args: type(["number"]) });
     export const byValibot = job((n) => n + 1, { args: v.tuple([v.number()]) });`,
  );
  const post = async (entry: string, input: string) =>
    await cli.runWith({ input }, "post", entry, "-", "--stop-after", "0", "--backoff", "0s");
  await post("fit.ts#byZod", '[{ "day": "2026-01-01" }, { "day": 5 }]');
  await post("fit.ts#Fits.byArk", '[[5], ["five"]]');
  await post("fit.ts#byValibot", "[[1], [null]]");
  const pool = await cli.run("pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("3 done, 3 failed, 0 failed attempts to be retried");
  const rows = await db.sql`
    select posting_id, seq, attempt, result, error ->> 'name' as name,
           error ->> 'message' as message
    from pdoflow.outcome order by 1, 2`;
  const told = (text: string) => ({
    ...{ attempt: 1, result: null, name: "ArgumentsRefused" },
    message: expect.stringMatching(new RegExp(`^The job has not run: .*${text}`)),
  });
  const done = (result: number) => ({ attempt: 1, result, name: null, message: null });
  expect([...rows]).toEqual([
    { postingId: 1, seq: 0, ...done(4052) },
    { postingId: 1, seq: 1, ...told("at day: .*expected string") },
    { postingId: 2, seq: 0, ...done(15) },
    { postingId: 2, seq: 1, ...told("at \\[0\\]: .*number") },
    { postingId: 3, seq: 0, ...done(2) },
    { postingId: 3, seq: 1, ...told("at \\[0\\]: .*number") },
  ]);
});
