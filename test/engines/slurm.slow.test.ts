// deploy/slurm/pool.sbatch under a real Slurm, against a real queue.
import { expect, test } from "bun:test";
import { join } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { brokenInvariants } from "../db/invariants.ts";
import { allOnce, notedJobs, patienceMs, size, submit, submitting } from "./noted-jobs.ts";
import { hasSlurm, openSlurm } from "./slurm.ts";

const script = join(import.meta.dir, "../../deploy/slurm/pool.sbatch");
const isHere = await hasSlurm();
if (!isHere) console.error("No tests with Slurm: they need root, and apt-get or its packages.");

test.if(isHere)(
  "Slurm: 200 jobs run, SIGTERM and scancel cost no attempt, and jobs of a killed pool run again",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using slurm = await openSlurm();
    const jobs = await notedJobs(db, cli, "SLURM_ARRAY_TASK_ID");
    const env = submitting(cli, slurm.env);
    /** Submits the script and returns the number of the array job. */
    const sbatch = (options: string[], ...flags: string[]) =>
      submit(cli, ["sbatch", "--parsable", ...options, script, ...flags], env);
    const untilState = (task: string, wanted: string) =>
      until(
        `${task} to be ${wanted}`,
        () => Promise.resolve(slurm.state(task).state === wanted),
        patienceMs,
      );

    // A task with a time limit ends by itself: a minute before the limit, so after a minute.
    const limited = sbatch(["--array=1", "--time=2", "--cpus-per-task=4"], "--name", "first");
    const first = await jobs.post("--name", "first");
    await jobs.untilDone(first);
    expect(await jobs.outcomesOf(first)).toEqual(allOnce);

    const job = sbatch(["--array=2-5", "--cpus-per-task=1"], "--heartbeat-timeout", "3s");
    await jobs.untilPools(5);
    // As Slurm sends it before the time limit: to the pool only, which ends by itself.
    const signalled = await jobs.through(({ task }) =>
      slurm.run("scancel", "--batch", "-s", "TERM", `${job}_${task}`),
    );
    expect(signalled.outcomes).toEqual(allOnce);
    await untilState(`${job}_${signalled.task}`, "COMPLETED");
    expect(slurm.state(`${job}_${signalled.task}`)).toMatchObject({ exit: "0:0" });
    // Without options, Slurm sends SIGTERM to all processes of the task.
    const cancelled = await jobs.through(({ task }) => slurm.run("scancel", `${job}_${task}`));
    expect(cancelled.outcomes).toEqual(allOnce);
    await untilState(`${job}_${cancelled.task}`, "CANCELLED");
    const killed = await jobs.through(({ pool }) => process.kill(pool, "SIGKILL"));
    expect(killed.outcomes).toContainEqual(expect.objectContaining({ state: "done", n: size }));
    await untilState(`${job}_${killed.task}`, "FAILED");
    expect(slurm.state(`${job}_${killed.task}`)).toMatchObject({ exit: "0:9" });
    expect(await db.sql`select from pdoflow.pool where state = 'lost'`).toHaveLength(1);

    expect(jobs.fewestRuns()).toBeGreaterThanOrEqual(4);
    expect(await brokenInvariants(db.db)).toEqual([]);
    await untilState(`${limited}_1`, "COMPLETED");
    expect(slurm.state(`${limited}_1`)).toMatchObject({ exit: "0:0" });
  },
  600_000,
);
