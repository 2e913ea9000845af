import { expect, test } from "bun:test";

import { binary } from "../../binary.ts";
import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { openQueueCli } from "../queue-cli.ts";
import { inTerminal } from "../top/terminal.ts";

/** Whether a process has ended, even if its exit code was not read yet. */
async function isGone(pid: string): Promise<boolean> {
  const stat = Bun.file(`/proc/${pid}/stat`);
  return !(await stat.exists()) || (await stat.text().catch(() => ") Z ")).includes(") Z ");
}

test("Ctrl-C ends the commands of a run and keeps their jobs, with exit code 130", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const shown = await inTerminal(
    { env: cli.env, cwd: cli.folder },
    ...["run", "--each", "1-9", "--max-workers", "2", "--", "echo $$ >> pids; sleep 1000; : {}"],
  );
  await until("two commands", async () => {
    const pids = Bun.file(`${cli.folder}/pids`);
    return (await pids.exists()) && (await pids.text()).trim().split("\n").length === 2;
  });
  shown.type("\u0003");
  expect(await shown.exited).toBe(130);
  expect(shown.screen()).toContain("9 jobs did not run; continue with: pdoflow run --resume 1");
  const [posting] = await db.sql`
    select state, (select count(*)::integer from pdoflow.outcome) as ended from pdoflow.posting`;
  expect(posting).toEqual({ state: "paused", ended: 0 });
  for (const pid of (await Bun.file(`${cli.folder}/pids`).text()).trim().split("\n")) {
    await until("the end of its commands", () => isGone(pid));
  }
});

test("a terminal of 40 columns shows the progress in one line", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const args = [
    "run",
    "--each",
    "1-2",
    "--max-workers",
    "1",
    "--progress",
    "--",
    "sleep 0.6; : {}",
  ];
  const shown = await inTerminal({ env: cli.env, cwd: cli.folder, columns: 40 }, ...args);
  expect(await shown.exited).toBe(0);
  const lines = shown.screen().match(/run: [^\r]*/g) ?? [];
  expect(lines.join()).toContain("of 2 jobs");
  expect(Math.max(...lines.map((line) => Bun.stringWidth(line)))).toBeLessThan(40);
});

test("a reader that has had enough ends a run, and nothing goes on behind its back", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const script = "echo {}; sleep 0.1";
  const line = `${await binary()} run -k --each 1-999 --max-workers 2 -- '${script}' | head -n 1`;
  const piped = await Bun.$`sh -c ${line}`.cwd(cli.folder).env(cli.env).nothrow().quiet();
  expect(piped.stdout.toString()).toBe("1\n");
  const posting = async () => (await db.sql`select state, ended_at from pdoflow.posting`)[0];
  expect(await posting()).toMatchObject({ state: "cancelled" });
});
