import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { said, until } from "../../binary/cli.ts";
import { openCommands } from "../in-process.ts";
import { documentsOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

/** Whether a process has ended, even if its exit code was not read yet. */
async function isGone(pid: string): Promise<boolean> {
  const stat = Bun.file(`/proc/${pid}/stat`);
  return !(await stat.exists()) || (await stat.text().catch(() => ") Z ")).includes(") Z ");
}

test("run posts, works, prints the results in order, and leaves other jobs alone", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 2, 3]);
  const { code, out, err } = await cli.run(
    ...["run", "fn.ts#quick", "--each", "1-500", "--max-workers", "3"],
  );
  expect({ code, err: err.replace(/^run: .*\n/gm, "") }).toEqual({ code: 0, err: "" });
  expect(out).toBe(Array.from({ length: 500 }, (_, i) => `${i + 1}\n`).join(""));
  const [other] = await db.sql`
    select count(*)::int as claimed from pdoflow.lease where 1 = any (posting_ids)`;
  expect(other).toEqual({ claimed: 0 });
});

test("a pool leaves the jobs of a run alone", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "slow.ts",
    "export const slow = async () => { console.log(1); await Bun.sleep(1e6); }",
  );
  const run = cli.start(
    "run",
    "slow.ts#slow",
    "--each",
    "1-3",
    "--max-workers",
    "1",
    "--max-running",
    "1",
  );
  await until("its first claim", async () => (await db.sql`select from pdoflow.lease`).length > 0);
  const pool = await cli.run("pool", "--once", "--max-workers", "2");
  expect(pool.err).toContain("ended: 0 done, 0 failed");
  const why = await cli.run("explain", "1/2");
  expect(why.out).toContain("pdoflow run");
  run.kill("SIGTERM");
  expect(await run.exited).toBe(143);
});

test("jobs that fail: exit code 1, null among the results, and why", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const options = ["--max-attempts", "1", "--max-workers", "2"];
  const { code, out, err } = await cli.run("run", "fn.ts#fn", "--each", "2-4", ...options);
  expect(code).toBe(1);
  expect(out).toBe('{"i":2,"half":1}\nnull\n{"i":4,"half":2}\n');
  expect(err).toContain("job 1/1 failed: RangeError: 3 is too far");
  expect(err).toContain("1 of 3 jobs failed; why: pdoflow failures 1");
  const json = await cli.run("run", "fn.ts#fn", "--each", "2-4", "--json", ...options);
  expect(documentsOf("run", json.out).map(({ state }) => state)).toEqual([
    "done",
    "failed",
    "done",
  ]);
});

test("commands run as jobs, a line each, with their output grouped", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("r.sh", 'echo "$1 begins"; echo "$1 warns" >&2; echo "$1 ends"\n');
  const input = "a b.fits\nit's\n$(echo no)\n";
  const run = ["run", "-k", "--max-workers", "3", "--", "sh", "r.sh", "{}"];
  const { code, out, err } = await cli.runWith({ input }, ...run);
  expect(code).toBe(0);
  const names = ["a b.fits", "it's", "$(echo no)"];
  expect(out).toBe(names.map((name) => `${name} begins\n${name} ends\n`).join(""));
  for (const name of names) expect(err).toContain(`${name} warns\n`);
  const line = ["run", "-k", "--", "printf '%s|' {/.} {#} | tr a-z A-Z"];
  expect((await cli.runWith({ input: "d/x.fits\nd/y z.fits\n" }, ...line)).out).toBe("X|1|Y Z|2|");
});

test("a command that fails is a failed job with its exit code, tried as often as is said", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const input = "0\n3\n";
  const run = await cli.runWith({ input }, "run", "--", "exit {}");
  expect(run.code).toBe(1);
  expect(run.err).toContain("job 1/1 failed: CommandFailed: exit code 3: exit 3");
  const again = ["run", "--max-attempts", "2", "--backoff", "0s", "--", "echo {}; exit {}"];
  expect((await cli.runWith({ input: "3\n" }, ...again)).code).toBe(1);
  const attempts = await db.sql`
    select attempt, state, stdout from pdoflow.outcome where posting_id = 2 order by attempt`;
  expect([...attempts]).toEqual([
    { attempt: 1, state: "retried", stdout: "3\n" },
    { attempt: 2, state: "failed", stdout: "3\n" },
  ]);
});

test("a command that is too slow is killed with its children", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = "sleep 1000 & echo $! > child; wait";
  const options = ["--timeout", "500ms", "--grace", "100ms"];
  const run = await cli.runWith({ input: "1\n" }, "run", ...options, "--", `${script}; : {}`);
  expect(run.code).toBe(1);
  const child = await Bun.file(`${cli.folder}/child`).text();
  await until("the child's end", () => isGone(child.trim()));
});

test("only the pool of a run takes commands", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const command = ["post", "pdoflow/shell#command", "--no-check", "--args", "touch hit"];
  await cli.run(...command, "--max-attempts", "1");
  expect((await cli.run("pool", "--once", "--max-workers", "1")).code).toBe(1);
  expect(await Bun.file(`${cli.folder}/hit`).exists()).toBe(false);
});

test("a run that is stopped for its failures can be resumed", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const options = ["--max-attempts", "1", "--max-workers", "1", "--max-failures", "1"];
  const run = await cli.run("run", ...options, "--each", "1-5000", "--", "sleep 0.01; exit {}");
  expect(run.code).toBe(1);
  expect(run.err).toContain("4,999 jobs did not run; continue with: pdoflow run --resume 1");
  const [posting] = await db.sql`select state, reason from pdoflow.posting`;
  expect(posting).toEqual({
    state: "errored_out",
    reason: "1 of 5000 jobs have failed, the limit of --max-failures 1",
  });
});

test("--max-failures of a run takes effect before the database has stopped the posting", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openQueueCommands({ ...db, url: proxy.url });
  proxy.freezeAt("pool_stop_posting(");
  const options = ["--max-failures", "1", "--max-workers", "1", "--each", "1-300"];
  const run = cli.start("run", ...options, "--", "exit 1");
  await said(run, "releasing waiting jobs");
  proxy.thaw();
  expect(await run.exited).toBe(1);
  const [posting] = await db.sql`select state, failed from pdoflow.posting`;
  expect(posting).toEqual({ state: "errored_out", failed: 0 });
  const [count] = await db.sql`select count(*)::integer as failed from pdoflow.outcome`;
  expect(count).toEqual({ failed: 1 });
});

test("neither an entry point nor a command: the message has the expected forms", async () => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run("run");
  expect(code).toBe(2);
  expect(err).toContain("expected an entry point such as fit.ts#fit, or a command");
});

test("a command whose input is empty does not run, and the message names --no-args", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const none = await cli.runWith({ input: "" }, "run", "echo", "hi");
  expect(none).toMatchObject({ code: 2, out: "" });
  expect(none.err).toContain("add --no-args before it.");
  const once = await cli.runWith({ input: "" }, "run", "--no-args", "echo", "hi");
  expect(once).toMatchObject({ code: 0, out: "hi\n" });
});
