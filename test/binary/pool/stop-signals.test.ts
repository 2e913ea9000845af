// Batch systems signal all processes of a pool: its workers, and the programs that jobs run.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { descendantsOf, signalAll } from "../../process-tree.ts";
import { type Cli, openCli, until } from "../cli.ts";

const sleeps = "printf + >> begun; [ -e go ] || exec sleep 1000";
const functions = `
  const sleeps = ${JSON.stringify(sleeps)};
  import { appendFileSync, existsSync } from "node:fs";
  const begin = () => appendFileSync("begun", "+");
  export async function waits() {
    begin();
    while (!existsSync("go")) await Bun.sleep(5);
  }
  export async function throws() {
    const signal = new Promise((_, no) => process.on("SIGTERM", () => no(new Error("stopped"))));
    begin();
    if (!existsSync("go")) await signal;
  }
  export async function exits() {
    process.on("SIGTERM", () => process.exit(3));
    await waits();
  }
  export const runs = async () => void (await Bun.$\`sh -c \${sleeps}\`.quiet());`;
const cleansUp =
  "trap 'sleep 2.5; exit 143' TERM; printf + >> begun; [ -e go ] || sleep 1000 & wait";

const untilBegun = (cli: Cli, count: number) =>
  until(`${count} jobs to have begun`, () => {
    const file = join(cli.folder, "begun");
    return Promise.resolve(existsSync(file) && readFileSync(file, "utf8").length === count);
  });

const outcomes = async (db: Awaited<ReturnType<typeof freshDatabase>>) => [
  ...(await db.sql`
    select state::text, attempt, count(*)::int as n from pdoflow.outcome group by 1, 2`),
];

test("a stop signal to all processes of a pool uses no attempt, whatever the jobs do with it", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("jobs.ts", functions);
  for (const name of ["waits", "throws", "exits", "runs"])
    await db.sql`select pdoflow.post(${`jobs.ts#${name}`}, '[[]]', '{"maxAttempts": 1}')`;
  const lines = db.sql.json([[sleeps], [cleansUp]]);
  await db.sql`select pdoflow.post('pdoflow/shell#command', ${lines}, '{"maxAttempts": 1}')`;
  const first = cli.start("pool", "--commands", "--max-workers", "6");
  await untilBegun(cli, 6);
  signalAll([first.pid, ...descendantsOf(first.pid)], "SIGTERM");
  await until("the pool to drain", async () => {
    const rows = await db.sql`select from pdoflow.pool where state = 'draining'`;
    return rows.length === 1;
  });
  await cli.write("go", "");
  const [said, code] = await Promise.all([first.stderr.text(), first.exited]);
  expect(code).toBe(0);
  expect(said).toContain("pool: ended: 1 done, 0 failed, 0 failed attempts to be retried, 5 rel");
  expect(await cli.run("pool", "--commands", "--once")).toMatchObject({ code: 0 });
  expect(await outcomes(db)).toEqual([{ state: "done", attempt: 1, n: 6 }]);
  await untilBegun(cli, 6 + 5); // the first one has run once
}, 120_000);

test("the pool may get the signal after a program of its jobs has ended by it", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.run("post", "--max-attempts", "1", "--no-args", "--", sleeps);
  const pool = cli.start("pool", "--commands", "--max-workers", "1");
  await untilBegun(cli, 1);
  const program = await until("the program", () =>
    Promise.resolve(descendantsOf(pool.pid).find((pid) => nameOf(pid) === "sleep")),
  );
  process.kill(program, "SIGTERM");
  await until("its end", () => Promise.resolve(nameOf(program) !== "sleep"));
  await Bun.sleep(500); // a tool that takes so long for its signals
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(await outcomes(db)).toEqual([]);
}, 120_000);

test("the pool may get the signal after code of its jobs has heard it", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("jobs.ts", functions);
  for (const name of ["throws", "exits"])
    await db.sql`select pdoflow.post(${`jobs.ts#${name}`}, '[[]]', '{"maxAttempts": 1}')`;
  const pool = cli.start("pool", "--max-workers", "2");
  await untilBegun(cli, 2);
  const workers = descendantsOf(pool.pid);
  signalAll(workers, "SIGTERM");
  await until("the end of a worker", () =>
    Promise.resolve(workers.some((pid) => nameOf(pid) === "")),
  );
  await Bun.sleep(500); // a tool that takes so long for its signals
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(await outcomes(db)).toEqual([]);
}, 120_000);

test("without a stop signal to the pool, a function that fails because of one has failed", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("jobs.ts", functions);
  await cli.run("post", "--max-attempts", "1", "--no-args", "jobs.ts#throws");
  const pool = cli.start("pool", "--once", "--max-workers", "1");
  await untilBegun(cli, 1);
  signalAll(descendantsOf(pool.pid), "SIGTERM");
  expect(await pool.exited).toBe(1);
  expect(await outcomes(db)).toEqual([{ state: "failed", attempt: 1, n: 1 }]);
}, 120_000);

test.each(["SIGINT", "SIGUSR2"] as const)(
  "%s stops a pool like SIGTERM, and its functions go on",
  async (signal) => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await cli.write("jobs.ts", functions);
    await cli.run("post", "--max-attempts", "1", "jobs.ts#waits", "--each", "1-3");
    const pool = cli.start("pool", "--max-workers", "2");
    await untilBegun(cli, 2);
    signalAll([...descendantsOf(pool.pid), pool.pid], signal);
    await until("the pool to drain", async () => {
      const rows = await db.sql`select from pdoflow.pool where state = 'draining'`;
      return rows.length === 1;
    });
    await cli.write("go", "");
    expect(await pool.exited).toBe(0);
    expect(await outcomes(db)).toEqual([{ state: "done", attempt: 1, n: 2 }]);
  },
  120_000,
);

test("without a stop signal to the pool, a program that was ended by SIGTERM has failed", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.run("post", "--max-attempts", "1", "--no-args", "--", "kill -TERM $$");
  expect((await cli.run("pool", "--commands", "--once")).err).toContain("0 done, 1 failed");
}, 120_000);

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return ""; // it has ended
  }
}
