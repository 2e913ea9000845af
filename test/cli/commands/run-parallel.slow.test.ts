import { expect, test } from "bun:test";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";

const main = join(import.meta.dir, "../../../src/main.ts");

test("jobs start before the input ends, in the order of their numbers", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  // Each line comes only when the command of the one before has run.
  const input = "for i in 1 2 3; do echo $i; until [ -e got-$i ]; do sleep 0.05; done; done";
  const line = `(${input}) | ${process.execPath} ${main} run -k -- 'touch got-{}; echo {} {#}'`;
  const run = await Bun.$`sh -c ${line}`.cwd(cli.folder).env(cli.env).nothrow().quiet();
  expect(run.stdout.toString()).toBe("1 1\n2 2\n3 3\n");
  expect(run.exitCode).toBe(0);
  const postings = await db.sql`select state from pdoflow.posting`;
  expect([...postings]).toEqual(Array.from({ length: 3 }, () => ({ state: "finished" })));
});

test("input that comes at once is one posting", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const input = Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join("");
  await cli.write("fn.ts", "export const fn = () => {};");
  const run = await cli.runWith({ input }, "run", "fn.ts#fn", "--each-line", "-j2");
  expect(run.code).toBe(0);
  const postings = await db.sql`select job_count from pdoflow.posting`;
  expect([...postings]).toEqual([{ jobCount: 20_000 }]);
});

test("--halt now,fail=1 kills running jobs, and they can be resumed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script =
    "if [ {} = 1 ]; then until [ -e up ]; do :; done; exit 1; fi; touch up; sleep 1000";
  const run = await cli.run(
    "run",
    "-j2",
    "--halt",
    "now,fail=1",
    "--",
    script,
    ":::",
    "1",
    "2",
    "3",
  );
  expect(run.code).toBe(1);
  expect(run.err).toContain("2 jobs did not run; continue with: pdoflow run --resume 1");
  const ends = await db.sql`select state from pdoflow.outcome`;
  expect([...ends]).toEqual([{ state: "failed" }]);
});

test.each([
  [["--stop-after", "1"], "false", 1, 1],
  [["--halt", "soon,fail=3"], "false", 3, 1],
  [["--halt", "soon,fail=10%"], "false", 2, 1],
  [["--halt", "soon,success=1"], "true", 1, 0],
])("%j of 20 times %s lets %d start, with exit code %d", async (options, command, ended, code) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const run = await cli.run("run", "-j1", ...options, "--each", "1-20", "--", command, "{}");
  expect(run.code).toBe(code);
  const [count] = await db.sql`select count(*)::integer as ended from pdoflow.outcome`;
  expect(count).toEqual({ ended });
});

test("--stop-after does not stop a run of which a job is done", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const command = ["--stop-after", "1", "--", "test", "1", "-eq", "{}"];
  expect((await cli.run("run", "-j1", "--each", "1-5", ...command)).code).toBe(1);
  const [counts] = await db.sql`select done, failed from pdoflow.posting`;
  expect(counts).toEqual({ done: 1, failed: 4 });
});

test("a wrong --halt names the right forms", async () => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run("run", "--halt", "now", "true", ":::", "1");
  expect(code).toBe(2);
  expect(err).toContain("expected never, or a rule such as now,fail=1");
});

test("--tag begins each line with the values of its job", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = "printf 'x\\ny\\nz'; echo e >&2";
  const run = await cli.run("run", "-k", "--tag", "--", `${script} # {}`, ":::", "a b", "c");
  expect(run.out).toBe("a b\tx\na b\ty\na b\tzc\tx\nc\ty\nc\tz");
  expect(run.err).toBe("a b\te\nc\te\n");
});

test("--joblog has a line for each job, in the format of GNU parallel", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const run = ["run", "-j1", "--joblog", "log", "--", "exit {}", ":::", "0", "7"];
  expect((await cli.run(...run)).code).toBe(1);
  await cli.run("retry", "last", "--failed");
  expect((await cli.run("run", "--resume", "last", "--joblog", "log")).code).toBe(1);
  const log = await Bun.file(join(cli.folder, "log")).text();
  const rows = log
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  expect(rows[0]?.slice(0, 4)).toEqual(["Seq", "Host", "Starttime", "JobRuntime"]);
  const shown = rows.slice(1).map((row) => [row[0], row[6], row[7], row[8]].join(" "));
  expect(shown).toEqual(["1 0 0 exit 0", "2 7 0 exit 7", "2 7 0 exit 7"]);
  for (const [, , started, seconds] of rows.slice(1)) {
    expect(started).toMatch(/^\d{10}\.\d{3}$/);
    expect(seconds).toMatch(/^\d+\.\d{3}$/);
  }
});

test("--joblog has the number of the worker in place of {%}, as the command had", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const commandsOf = async (name: string, ...options: string[]) => {
    const log = ["--joblog", name, ...options];
    await cli.run("run", "-j1", ...log, "--", "test {} = a # {%}", ":::", "a", "b");
    const text = await Bun.file(join(cli.folder, name)).text();
    return text
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split("\t").at(-1));
  };
  const commands = ["test a = a # 1", "test b = a # 1"];
  expect(await commandsOf("log")).toEqual(commands);
  expect(await commandsOf("other", "--json")).toEqual(commands);
});

test("--line-buffer prints whole lines while the command runs, and each byte once", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script =
    "printf 'first\\nhal'; until [ -e go ]; do sleep 0.02; done; printf 'f\\nlast'; : {}";
  const run = cli.start("run", "--line-buffer", "--tag", "--", script, ":::", "a");
  let out = "";
  for await (const bytes of run.stdout) {
    out += Buffer.from(bytes).toString();
    // The command ends only after its first line was printed.
    if (out === "a\tfirst\n") await cli.write("go", "");
  }
  expect(await run.exited).toBe(0);
  expect(out).toBe("a\tfirst\na\thalf\na\tlast");
});

test("--halt holds if the first job ends before the first heartbeat is answered", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql.unsafe(`
    create function public.slowly() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.3); return new; end $$;
    create trigger slowly before update on pdoflow.pool
      for each row execute function public.slowly()`);
  const run = await cli.run("run", "-j1", "--halt", "soon,success=1", "true", ":::", "1", "2", "3");
  expect(run).toMatchObject({ code: 0, err: expect.stringContaining("2 jobs did not run") });
});
