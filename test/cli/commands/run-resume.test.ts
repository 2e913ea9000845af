import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../in-process.ts";

const linesOf = async (cli: Commands, name: string) =>
  (await Bun.file(join(cli.folder, name)).text()).trim().split("\n");

/** Starts a run of six commands, of which the first one goes on until it is interrupted. */
async function interrupted(cli: Commands): Promise<number> {
  const script = "echo {} >> ran; [ -e go ] || sleep 1000";
  const run = cli.start("run", "-j1", "--", script, ":::", ...["1", "2", "3", "4", "5", "6"]);
  const ran = join(cli.folder, "ran");
  await until("the first command", async () => existsSync(ran) && readFileSync(ran, "utf8") !== "");
  run.kill("SIGINT");
  const code = await run.exited;
  await cli.write("go", "");
  return code;
}

test("run --resume last runs what Ctrl-C has left, the interrupted job with its attempt unused", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  expect(await interrupted(cli)).toBe(130);
  const paused = await db.sql`select state, reason from pdoflow.posting`;
  expect([...paused]).toEqual([{ state: "paused", reason: "pdoflow run was ended by SIGINT" }]);
  expect((await cli.run("explain", "1")).out).toContain("go on with: pdoflow run --resume 1");
  expect((await cli.run("explain", "1/0")).out).toContain("its posting is paused");
  expect((await cli.run("resume", "1")).err).toContain("run its jobs with: pdoflow run --resume 1");
  expect(await cli.run("run", "--resume", "last")).toMatchObject({ code: 0 });
  expect((await linesOf(cli, "ran")).toSorted()).toEqual(["1", "1", "2", "3", "4", "5", "6"]);
  const ends = await db.sql`select state, attempt from pdoflow.outcome`;
  expect([...ends]).toEqual(Array.from({ length: 6 }, () => ({ state: "done", attempt: 1 })));
});

test("a run that was resumed prints in order what it ran", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "fn.ts",
    `import { existsSync, writeFileSync } from "node:fs";
     export const fn = async (i: number) => {
       writeFileSync("up", "");
       while (i === 2 && !existsSync("go")) await Bun.sleep(10);
       return i * 2;
     };`,
  );
  const first = cli.start("run", "fn.ts#fn", "--each", "2-4", "-j1");
  await until("the first job", async () => existsSync(join(cli.folder, "up")));
  first.kill("SIGTERM");
  expect(await first.exited).toBe(143);
  await cli.write("go", "");
  const again = await cli.run("run", "--resume", "1");
  expect(again).toMatchObject({ code: 0, out: "4\n6\n8\n" });
});

test("a command that is interrupted has time to end", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = "trap 'touch bye; exit 0' TERM; touch up; sleep 1000 & wait; : {}";
  const run = cli.start("run", "--", script, ":::", "");
  await until("the command", async () => existsSync(join(cli.folder, "up")));
  run.kill("SIGINT");
  expect(await run.exited).toBe(130);
  expect(existsSync(join(cli.folder, "bye"))).toBe(true);
});

test("failed jobs of a run are retried, and run --resume runs them", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const run = await cli.run("run", "-j1", "--", "test", "-e", "{}", ":::", "a", "b");
  expect(run.code).toBe(1);
  await cli.write("a", "");
  await cli.write("b", "");
  expect((await cli.run("failures", "last")).out).toContain("pdoflow retry 1 --group");
  const retry = await cli.run("retry", "last", "--failed");
  expect(retry.err).toBe("posting 1: 2 jobs are retried; run them with: pdoflow run --resume 1\n");
  expect((await cli.run("explain", "1")).out).toContain("pdoflow run --resume 1");
  expect((await cli.run("run", "--resume", "1")).code).toBe(0);
});

test("run --resume names the reason why there is nothing to resume", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const refused = async (...args: string[]) => {
    const { code, err } = await cli.run("run", "--resume", ...args);
    return `${code} ${err}`;
  };
  expect(await refused("last")).toContain("4 pdoflow run: there are no runs yet");
  await cli.run("post", "true", "{}", ":::", "1");
  expect(await refused("1")).toContain("pdoflow pool --posting 1 --once");
  expect(await refused("last", "--timeout", "1s", "gzip")).toContain("found --timeout gzip");
  expect(await refused()).toContain("pdoflow run --resume last");
});

test("run --resume of a run without jobs left succeeds, unless jobs of it have failed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("run", "test", "-e", "{}", ":::", "a");
  expect(await cli.run("run", "--resume", "last")).toEqual({
    code: 1,
    out: "",
    err:
      "pdoflow run: posting 1 has no jobs left to run; 1 job failed before; to run them again, " +
      "first run: pdoflow retry 1 --failed\n",
  });
  await cli.run("run", "true", "{}", ":::", "1");
  const done = "pdoflow run: posting 2 has no jobs left to run\n";
  expect(await cli.run("run", "--resume", "last")).toEqual({ code: 0, out: "", err: done });
  const stopped = await cli.run("run", "-j1", "--halt", "now,fail=1", "false", ":::", "1", "2");
  expect(stopped.code).toBe(1);
  await cli.run("cancel", "3", "--yes");
  expect(await cli.run("run", "--resume", "3")).toMatchObject({ code: 2 });
});

test("run --resume after --halt ends with 1 as long as a job of the run has failed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("run", "--halt", "now,fail=1", "-j1", "test {} != 2", ":::", "1", "2", "3");
  const { code, err } = await cli.run("run", "--resume", "last");
  expect(code).toBe(1);
  expect(err).toContain("1 job failed before; to run them again, first run: pdoflow retry 1 --f");
  await cli.run("retry", "1", "--failed");
  await db.sql`update pdoflow.job set args = replace(args, '!=', '-eq')`;
  expect(await cli.run("run", "--resume", "last")).toMatchObject({ code: 0 });
});

test("a run that goes on elsewhere is not run a second time", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const run = cli.start("run", "-j1", "--", "touch up; sleep 1000; : {}", ":::", "1");
  await until("the command", async () => existsSync(join(cli.folder, "up")));
  const second = await cli.run("run", "--resume", "last");
  expect(second.code).toBe(2);
  expect(second.err).toContain(`is being run by the process ${process.pid} on `);
  run.kill("SIGINT");
  expect(await run.exited).toBe(130);
});
