// `pdoflow launch slurm` and `pdoflow launch sge` against the real engines.
import { expect, test } from "bun:test";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { hasGridEngine, openGridEngine } from "./grid-engine.ts";
import { submitting } from "./noted-jobs.ts";
import { hasSlurm, openSlurm } from "./slurm.ts";

const hasBoth = { slurm: await hasSlurm(), sge: await hasGridEngine() };
const naps = "export const nap = () => Bun.sleep(300_000);";

test.if(hasBoth.slurm)(
  "launch slurm submits the pools that are missing, once, and asks Slurm with --check",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using slurm = await openSlurm();
    await cli.write("nap.ts", naps);
    const env = submitting(cli, slurm.env);
    const launch = (...args: string[]) => cli.runWith({ env }, "launch", "slurm", ...args);
    const fill = async (...args: string[]) =>
      await launch("--fill", "--slots", "2", "--max-pools", "3", ...args);
    const tasks = () => slurm.run("squeue", "--noheader", "--array", "--format=%j %C").split("\n");

    expect(await fill()).toMatchObject({ code: 0, err: expect.stringContaining("0 submitted") });
    await cli.run("post", "nap.ts#nap", "--each", "1-3");
    expect(await fill()).toMatchObject({ code: 0, err: expect.stringContaining("2 submitted") });
    await cli.run("post", "nap.ts#nap", "--each", "1-100");
    // --job-name and --array of sbatch's own options do not count.
    const more = await fill("--", "--time=30", "--job-name=other", "--array=1-9");
    expect(more.err).toContain("1 submitted");
    expect(tasks()).toEqual([...Array(3).fill("pdoflow-pool 2"), ""]);
    expect((await fill()).err).toContain("0 submitted");
    await until("three pools", async () => (await db.sql`select from pdoflow.pool`).length === 3);
    slurm.run("scancel", "--batch", "--signal=KILL", "1_1");
    await until("a task to end", () => Promise.resolve(tasks().length === 3));
    expect((await fill()).err).toContain("1 submitted");

    const before = tasks();
    expect(await launch("--check")).toMatchObject({ code: 0, err: expect.stringContaining("Job") });
    expect(await launch("--check", "--", "--partition=none")).toMatchObject({
      code: 71,
      err: expect.stringContaining("invalid partition"),
    });
    expect(tasks()).toEqual(before);
    const printed = await launch("--slots", "1", "--", "--time=7");
    const submitted = Bun.spawnSync(["sbatch", "--parsable"], {
      ...{ cwd: cli.folder, env, stdin: Buffer.from(printed.out) },
    });
    const job = submitted.stdout.toString().trim();
    expect(slurm.run("squeue", "--noheader", "--array", `--jobs=${job}`, "--format=%j %C %l")).toBe(
      "pdoflow-pool 1 7:00\n".repeat(20),
    );
  },
  300_000,
);

test.if(hasBoth.sge)(
  "launch sge submits the pools that are missing, once, and asks Grid Engine with --check",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using engine = await openGridEngine();
    await cli.write("nap.ts", naps);
    const env = submitting(cli, engine.env);
    const launch = (...args: string[]) => cli.runWith({ env }, "launch", "sge", ...args);
    const fill = async (...args: string[]) =>
      await launch("--fill", "--slots", "3", "--max-pools", "3", ...args);

    await cli.run("post", "nap.ts#nap", "--each", "1-4");
    expect(await fill()).toMatchObject({ code: 0, err: expect.stringContaining("2 submitted") });
    await cli.run("post", "nap.ts#nap", "--each", "1-100");
    expect((await fill("--", "-N", "other", "-t", "1-9")).err).toContain("1 submitted");
    // The third waits: the host has eight slots.
    await until("two pools", async () => (await db.sql`select from pdoflow.pool`).length === 2);
    const states = () => [...engine.tasks().values()].toSorted();
    expect(states()).toEqual(["qw", "r", "r"]);
    expect((await fill()).err).toContain("0 submitted; 35 desired, at most 3, 3 there");
    // A task that is being deleted does not count.
    engine.run("qdel", "1", "-t", "1");
    expect((await fill()).err).toContain("1 submitted");
    await until("the task to end", () => Promise.resolve(!engine.tasks().has("1.1")));
    expect(engine.tasks().size).toBe(3);

    const check = ["--check", "--slots", "2"];
    expect(await launch(...check)).toMatchObject({
      code: 0,
      err: expect.stringContaining("found"),
    });
    expect(await launch(...check, "--", "-pe", "none", "2")).toMatchObject({ code: 71 });
    expect(engine.tasks().size).toBe(3);
    const printed = await launch("--slots", "2", "--max-pools", "4", "--", "-l", "h_rt=0:30:0");
    const submitted = Bun.spawnSync(["qsub", "-terse"], {
      ...{ cwd: cli.folder, env, stdin: Buffer.from(printed.out) },
    });
    const job = submitted.stdout.toString().split(".")[0] ?? "";
    const shown = engine.run("qstat", "-j", job);
    expect(shown).toContain("h_rt=1800\n");
    expect(shown).toMatch(/^job_name: +pdoflow-pool$/m);
    expect(shown).toMatch(/^job-array tasks: +1-4:1$/m);
    expect(shown).toMatch(/^parallel environment: +smp range: 2$/m);
  },
  400_000,
);
