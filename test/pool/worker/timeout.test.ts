import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../../cli/in-process.ts";

test("a job that ends in its grace counts as it ended, its worker goes, and no other job pays for it", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "work.ts",
    `export async function work(i: number) {
       if (i === 10) await new Promise<void>((resolve) => process.on("SIGTERM", () => resolve()));
       return process.pid;
     }`,
  );
  const input = JSON.stringify(Array.from({ length: 40 }, (_, i) => [i]));
  const options = ["--timeout", "300ms", "--grace", "1h"]; // only its own end can end the worker
  await cli.runWith({ input }, "post", "work.ts#work", "-", ...options);
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.code).toBe(0);
  expect(pool.err).toContain("40 done, 0 failed, 0 failed attempts");
  const [row] = await db.sql`
    select count(*)::int as outcomes, max(attempt) as attempts,
           count(distinct result::jsonb)::int as workers,
           count(*) filter (where seq > 10 and result::jsonb = (
             select result::jsonb from pdoflow.outcome where seq = 10))::int as after_it
    from pdoflow.outcome`;
  expect(row).toEqual({ outcomes: 40, attempts: 1, workers: 2, afterIt: 0 });
});

test("a timeout kills the job of a stopped worker, with its child processes", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "stop.ts",
    `import { writeFileSync } from "node:fs";
     export async function stop(i: number) {
       if (i > 0) return i;
       const child = Bun.spawn(["sleep", "1000"]);
       writeFileSync("child", String(child.pid));
       process.kill(process.pid, "SIGSTOP");
     }`,
  );
  const options = ["--timeout", "300ms", "--grace", "100ms", "--max-attempts", "1"];
  await cli.runWith({ input: "[0]\n[1]\n[2]\n" }, "post", "stop.ts#stop", "-", ...options);
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.err).toContain("2 done, 1 failed");
  const rows = await db.sql`select seq, attempt, error ->> 'name' as name from pdoflow.outcome
                            where state <> 'done'`;
  expect([...rows]).toEqual([{ seq: 0, attempt: 1, name: "Timeout" }]);
  const child = await Bun.file(`${cli.folder}/child`).text();
  // Gone, or dead and not yet waited for by the system's first process.
  expect(Bun.spawnSync(["ps", "-o", "stat=", "-p", child]).stdout.toString()).toMatch(/^(Z.*\n)?$/);
});
