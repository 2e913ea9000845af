import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { documentsOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("jobs are found by state, host, pool and argument, and by number", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([10, 3, 12, 7]);
  await cli.drain();
  await cli.post([5]);
  await db.sql`update pdoflow.pool set host = 'node17'`;
  const found = async (...args: string[]) =>
    documentsOf("jobs", (await cli.run("jobs", ...args, "--json")).out).map(({ job }) => job);
  expect(await found("1")).toEqual(["1/0", "1/1", "1/2", "1/3"]);
  expect(await found("1", "--state", "failed")).toEqual(["1/1", "1/3"]);
  expect(await found("1", "2", "--state", "waiting")).toEqual(["2/0"]);
  expect(await found("1", "2", "--host", "node17", "--state", "done")).toEqual(["1/0", "1/2"]);
  expect(await found("1", "--pool", "9")).toEqual([]);
  expect(await found("1", "--arg", "1")).toEqual(["1/0", "1/2"]);
  expect(await found("1/1-2,99")).toEqual(["1/1", "1/2"]);
  expect(await found("last:2", "--limit", "3")).toEqual(["1/0", "1/1", "1/2"]);
  const [job] = documentsOf("jobs", (await cli.run("jobs", "1/1", "--json")).out);
  expect(job).toMatchObject({
    ...{ job: "1/1", status: "failed", attempts: 1, pool: 1, host: "node17", args: [3] },
    error: { name: "RangeError", message: "3 is too far" },
  });
  const { out } = await cli.run("jobs", "1/0", "2");
  expect(out.split("\n").map((line) => line.split(/ +/).slice(0, 4).join(" "))).toEqual([
    "job status attempts host",
    "1/0 done 1 node17",
    "2/0 waiting 0 -",
    "",
  ]);
  const csv = (await cli.run("jobs", "1/0", "2", "--csv")).out.split("\r\n");
  const named = csv.map((line) => line.split(",").filter((_, i) => [0, 1, 12, 14].includes(i)));
  expect(named).toEqual([
    ["job", "status", "writtenBytes", "args"],
    ["1/0", "done", expect.stringMatching(/^\d*$/), "[10]"],
    ["2/0", "waiting", "", "[5]"],
    [""],
  ]);
  expect(await cli.run("jobs", "1", "--csv", "--json")).toMatchObject({ code: 2 });
  expect(await cli.run("jobs", "1", "--safe")).toMatchObject({ code: 2 });
  expect(await cli.run("jobs", "1", "--state", "open")).toMatchObject({ code: 2 });
  expect((await cli.run("jobs", "2", "--state", "failed")).err).toBe("no job matches\n");
  expect((await cli.run("jobs", "2/7")).err).toBe("pdoflow jobs: there is no job 2/7\n");
});

test("jobs with priorities are listed by their index, running jobs with their pool", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([10, 3, 12]);
  await db.sql`update pdoflow.job set indexes = '{2,1,0}'`;
  await db.sql`update pdoflow.posting set is_sorted = true`;
  await db.sql`insert into pdoflow.job_order values (1, 0, '{2,1,0}')`;
  await db.sql`
    insert into pdoflow.pool (host, pid, version, os_user, slots)
    values ('here', 1, 'test', 'ada', 1)`;
  await db.sql`
    insert into pdoflow.lease (pool_id, lane_posting_id, lane_priority, lane_first_seq,
                               lane_end_seq, posting_ids, first_seqs, end_seqs, attempts)
    values ((select id from pdoflow.pool), 1, 0, 0, 1, '{1}', '{0}', '{1}', '{1}')`;
  const { out } = await cli.run("jobs", "1", "--json");
  expect(documentsOf("jobs", out)).toMatchObject([
    { job: "1/0", args: [12], status: "waiting", host: null },
    { job: "1/1", args: [3], status: "waiting" },
    { job: "1/2", args: [10], status: "running", host: "here", pool: 1 },
  ]);
});

test("a running job has its start and the time so far, in jobs, and logs names -f", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "slow.ts",
    `import { existsSync } from "node:fs";
     export const slow = async () => { while (!existsSync("go")) await Bun.sleep(20); };`,
  );
  await cli.run("post", "slow.ts#slow", "--each", "1");
  const pool = cli.start("pool", "--once", "--max-workers", "1", "--heartbeat-timeout", "2s");
  const line = await until("its pool to report it", async () => {
    const [, row = ""] = (await cli.run("jobs", "1")).out.split("\n");
    return /\d+m?s …/.test(row) && row;
  });
  expect(line).toMatch(/^1\/0 +running +1 +\S+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +[\d.]+m?s …/);
  const [running] = documentsOf("jobs", (await cli.run("jobs", "1", "--json")).out);
  expect(running?.elapsedMs).toBeGreaterThan(200);
  expect(await cli.run("logs", "1/0")).toMatchObject({
    err: expect.stringContaining("1 job is running; follow its output with: pdoflow logs -f 1/0"),
  });
  await cli.write("go", "");
  await pool.exited;
  const [done] = documentsOf("jobs", (await cli.run("jobs", "1", "--json")).out);
  expect(done).toMatchObject({ status: "done", startedAt: expect.any(String), elapsedMs: null });
});
