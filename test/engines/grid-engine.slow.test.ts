// deploy/gridengine/pool.sge under a real Grid Engine, against a real queue.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { brokenInvariants } from "../db/invariants.ts";
import { hasGridEngine, openGridEngine } from "./grid-engine.ts";
import { allOnce, notedJobs, patienceMs, size, submit, submitting } from "./noted-jobs.ts";

const script = join(import.meta.dir, "../../deploy/gridengine/pool.sge");
const isHere = await hasGridEngine();
if (!isHere) console.error("No tests with Grid Engine: they need root, and apt-get or packages.");

test.if(isHere)(
  "Grid Engine: 200 jobs run, SIGTERM and qdel cost no attempt, jobs of a killed pool run again",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using engine = await openGridEngine();
    const jobs = await notedJobs(db, cli, "SGE_TASK_ID");
    const env = submitting(cli, engine.env);
    /** Submits the script and returns the number of the array job. */
    const qsub = (options: string[], ...flags: string[]) =>
      submit(cli, ["qsub", "-terse", ...options, script, ...flags], env).split(".")[0] ?? "";
    const untilGone = (task: string) =>
      until(`${task} to end`, () => Promise.resolve(!engine.tasks().has(task)), patienceMs);
    const log = (task: string) =>
      readFileSync(join(cli.folder, `pdoflow-pool-${task}.log`), "utf8");

    // A task with a time limit ends by itself, a minute before the limit.
    const limits = ["-t", "1", "-pe", "smp", "4", "-l", "h_rt=80"];
    const limited = qsub(limits, "--name", "first");
    const first = await jobs.post("--name", "first");
    await jobs.untilDone(first);
    expect(await jobs.outcomesOf(first)).toEqual(allOnce);
    await untilGone(`${limited}.1`);
    expect(log(`${limited}.1`)).toMatch(/pool: its lifetime is over[^]*\npool: ended: 200 done/);

    const job = qsub(["-t", "2-5", "-pe", "smp", "1"], "--heartbeat-timeout", "3s");
    await jobs.untilPools(5);
    const asked = await jobs.through(({ pool }) => process.kill(pool, "SIGTERM"));
    expect(asked.outcomes).toEqual(allOnce);
    await untilGone(`${job}.${asked.task}`);
    // Grid Engine sends SIGUSR2 first, and SIGKILL later.
    const deleted = await jobs.through(({ task }) => engine.run("qdel", job, "-t", String(task)));
    expect(deleted.outcomes).toEqual(allOnce);
    await untilGone(`${job}.${deleted.task}`);
    expect(log(`${job}.${deleted.task}`)).toMatch(/pool: SIGUSR2: [^]*\npool: ended: /);
    const killed = await jobs.through(({ pool }) => process.kill(pool, "SIGKILL"));
    expect(killed.outcomes).toContainEqual(expect.objectContaining({ state: "done", n: size }));
    await untilGone(`${job}.${killed.task}`);
    expect(await db.sql`select from pdoflow.pool where state = 'lost'`).toHaveLength(1);

    expect(jobs.fewestRuns()).toBeGreaterThanOrEqual(4);
    expect(await brokenInvariants(db.db)).toEqual([]);
  },
  600_000,
);
