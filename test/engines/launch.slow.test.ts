// `pdoflow launch slurm` against a real Slurm.
import { expect, test } from "bun:test";
import { dirname } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { hasSlurm, openSlurm } from "./cluster.ts";

const isHere = await hasSlurm();

test.if(isHere)(
  "launch slurm submits the pools that are missing, once, and asks Slurm with --check",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using slurm = await openSlurm();
    await cli.write("nap.ts", "export const nap = () => Bun.sleep(300_000);");
    const [program = ""] = cli.command;
    const env = { ...slurm.env, PATH: `${dirname(program)}:${cli.env["PATH"]}` };
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
      ...{ cwd: cli.folder, env: { ...cli.env, ...env }, stdin: Buffer.from(printed.out) },
    });
    const job = submitted.stdout.toString().trim();
    expect(slurm.run("squeue", "--noheader", "--array", `--jobs=${job}`, "--format=%j %C %l")).toBe(
      "pdoflow-pool 1 7:00\n".repeat(20),
    );
  },
  120_000,
);
