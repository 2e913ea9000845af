// deploy/slurm/pool.sbatch under a real Slurm, against a real queue.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { brokenInvariants } from "../db/invariants.ts";
import { hasSlurm, openSlurm } from "./cluster.ts";

const script = join(import.meta.dir, "../../deploy/slurm/pool.sbatch");
const isHere = await hasSlurm();
if (!isHere) console.error("No tests with Slurm: they need root, and apt-get or its packages.");
const size = 200;

test.if(isHere)(
  "Slurm: 200 jobs run, an end by SIGTERM costs no attempt, and jobs of a killed pool run again",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using slurm = await openSlurm();
    await cli.write(
      "noted.ts",
      `import { appendFileSync } from "node:fs";
      export async function noted(i: number) {
        await Bun.sleep(100);
        const line = [i, process.env.SLURM_ARRAY_TASK_ID, process.ppid].join(" ");
        appendFileSync("journal", line + "\\n");
      }`,
    );
    const [program = ""] = cli.command;
    const path = `${dirname(program)}:${cli.env["PATH"]}`;
    /** Submits the script and returns the number of the array job. */
    const submit = (options: string[], ...flags: string[]) => {
      const command = ["sbatch", "--parsable", ...options, script, ...flags];
      const env = { ...cli.env, ...slurm.env, PATH: path };
      const { stdout, stderr } = Bun.spawnSync(command, { cwd: cli.folder, env });
      expect(stderr.toString()).toBe("");
      return stdout.toString().trim();
    };
    const post = async (...flags: string[]) => {
      const { out } = await cli.run("post", "noted.ts#noted", "--each", `1-${size}`, ...flags);
      return Number(out);
    };
    const doneOf = async (posting: number) => {
      const [row] = await db.sql<{ done: number }[]>`
        select done from pdoflow.posting where id = ${posting}`;
      return row?.done ?? 0;
    };
    const outcomesOf = async (posting: number) => {
      const rows = await db.sql<{ state: string; n: number; used: number }[]>`
        select state::text, count(*)::int as n, max(attempt)::int as used
          from pdoflow.outcome where posting_id = ${posting} group by state`;
      return [...rows];
    };
    const untilState = (task: string, wanted: string) =>
      until(`${task} to be ${wanted}`, () =>
        Promise.resolve(slurm.state(task).state === wanted ? true : null),
      );
    const allOnce = [{ state: "done", n: size, used: 1 }];
    const journal = () => {
      const file = join(cli.folder, "journal");
      const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
      return lines.map((line) => line.split(" ").map(Number));
    };
    /** Posts, has `end` happen to a task that runs the jobs, and waits for all of them. */
    const through = async (end: (task: string, pid: number) => void) => {
      const before = journal().length;
      const posting = await post();
      await until("ten jobs to have run", () => Promise.resolve(journal().length > before + 10));
      const [, number, pid = 0] = journal().at(-1) ?? [];
      const task = `${job}_${number}`;
      end(task, pid);
      expect(await doneOf(posting)).toBeLessThan(size);
      await until("all jobs", async () => (await doneOf(posting)) === size);
      return { task, outcomes: await outcomesOf(posting) };
    };

    // A task with a time limit ends by itself: two minutes before the limit, so after a minute.
    const limited = submit(["--array=1", "--time=3", "--cpus-per-task=4"], "--name", "first");
    const first = await post("--name", "first");
    await until("all jobs", async () => (await doneOf(first)) === size);
    expect(await outcomesOf(first)).toEqual(allOnce);

    const job = submit(["--array=2-5", "--cpus-per-task=1"], "--heartbeat-timeout", "3s");
    await until("all pools", async () => (await db.sql`select from pdoflow.pool`).length === 5);
    // As Slurm sends it before the time limit: to the pool only, which ends by itself.
    const signalled = await through((task) => slurm.run("scancel", "--batch", "-s", "TERM", task));
    expect(signalled.outcomes).toEqual(allOnce);
    await untilState(signalled.task, "COMPLETED");
    expect(slurm.state(signalled.task)).toMatchObject({ exit: "0:0" });
    // Without options, Slurm sends SIGTERM to the worker too: the job that it runs is retried.
    const cancelled = await through((task) => slurm.run("scancel", task));
    expect(cancelled.outcomes).toContainEqual(expect.objectContaining({ state: "done", n: size }));
    const retried = cancelled.outcomes.filter(({ state }) => state !== "done");
    expect(retried).toEqual(retried.length === 0 ? [] : [{ state: "retried", n: 1, used: 1 }]);
    await untilState(cancelled.task, "CANCELLED");
    const killed = await through((_, pid) => process.kill(pid, "SIGKILL"));
    expect(killed.outcomes).toContainEqual(expect.objectContaining({ state: "done", n: size }));
    await untilState(killed.task, "FAILED");
    expect(slurm.state(killed.task)).toMatchObject({ exit: "0:9" });
    const lost = await db.sql`select from pdoflow.pool where state = 'lost'`;
    expect(lost.length).toBe(1);

    const ran = journal().map(([i]) => i);
    const counts = Array.from({ length: size }, (_, i) => ran.filter((n) => n === i + 1).length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(4);
    expect(await brokenInvariants(db.db)).toEqual([]);
    await until(
      "the task with a time limit to end",
      () => {
        return Promise.resolve(slurm.state(`${limited}_1`).state !== "RUNNING");
      },
      90_000,
    );
    expect(slurm.state(`${limited}_1`)).toEqual({ state: "COMPLETED", exit: "0:0" });
  },
  300_000,
);
