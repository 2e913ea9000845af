import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated } from "../top/emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const slow = `export const slow = async (i: number) => {
  await Bun.sleep(i < 4 ? 700 : 1);
  if (i === 5) throw new Error("no 5");
  return i;
};`;

test("run shows its progress below the results, and leaves it on a line of its own", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write("slow.ts", slow);
  const options = ["--each", "0-5", "--max-workers", "1", "--max-attempts", "1"];
  await using run = emulated([...cli.command, "run", "slow.ts#slow", ...options], {
    env: cli.env,
    cwd: cli.folder,
  });
  await run.shows(/^run: \[.*% of 6 jobs/m);
  await run.shows("why: pdoflow failures 1");
  const rows = run.rows().filter((row) => row !== "");
  expect(rows.filter((row) => /^\d|^null/.test(row))).toEqual(["0", "1", "2", "3", "4", "null"]);
  const bars = rows.filter((row) => row.startsWith("run: ["));
  expect(bars).toEqual([
    expect.stringMatching(/^run: \[##########\] 100.0 % of 6 jobs, 1 failed, in \d+ s$/),
  ]);
  expect(rows.at(-1)).toBe("pdoflow run: 1 of 6 jobs failed; why: pdoflow failures 1");
});

test("pool shows its workers and what is left, status the pace", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write("slow.ts", slow);
  await cli.run("post", "slow.ts#slow", "--each", "1,4,2,4,3,1,1,1,1,1,1,1");
  await using pool = emulated([...cli.command, "pool", "--once", "--max-workers", "1"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await pool.shows(/^pool: 1 of 1 worker busy, .*[3-9] done, 0 failed, \d+ left$/m);
  const status = await cli.run("status", "1");
  expect(status.err).toMatch(/^posting 1: \d+(\.\d)?\/s, about \d+ s left$/m);
  await pool.shows("pool: ended");
  const rows = pool.rows().filter((row) => row !== "");
  expect(rows.at(-1)).toMatch(/^pool: ended: 12 done/);
  expect(rows.join("\n")).not.toContain("busy");
});
