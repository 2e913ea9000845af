// Array jobs of `pdoflow launch slurm` and `launch sge`, with stand-ins for the programs of the
// engines; test/engines runs them with the real ones.
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { postJobs } from "../../db/engine.ts";
import { openCommands } from "../in-process.ts";

type Cli = Awaited<ReturnType<typeof openCommands>>;

/** Makes programs from shell scripts, and returns the environment that finds them first. */
async function withPrograms(cli: Cli, scripts: Readonly<Record<string, string>>) {
  for (const [name, script] of Object.entries(scripts)) {
    await cli.write(`bin/${name}`, `#!/bin/sh\n${script}\n`);
    chmodSync(join(cli.folder, "bin", name), 0o755);
  }
  return { PATH: `${cli.folder}/bin:${process.env["PATH"]}` };
}

/** The words that the pool gets if the script that `launch slurm` prints runs as a task. */
async function wordsOfPool(cli: Cli, squeue: string, options: readonly string[] = []) {
  const env = await withPrograms(cli, {
    squeue,
    scontrol: 'echo "KillWait                = 30 sec"',
    pdoflow: 'for word; do printf "%s\\n" "$word"; done',
  });
  const { out } = await cli.run("launch", "slurm", "--", ...options);
  await cli.write("pool.sbatch", out);
  const task = { SLURM_JOB_ID: "7", SLURM_ARRAY_JOB_ID: "7", SLURM_ARRAY_TASK_ID: "4" };
  const script = Bun.spawn(["bash", join(cli.folder, "pool.sbatch")], {
    ...{ env: { ...env, ...task }, stdout: "pipe", stderr: "ignore" },
  });
  return (await script.stdout.text()).trimEnd().split("\n");
}

test("a task that has the number of its whole array asks for its own end", async () => {
  using cli = await openCommands(null);
  const squeue = `case $* in
*--jobs=7_4*) date --date="2 hours" +%Y-%m-%dT%H:%M:%S ;;
*) echo 2030-01-01T00:00:00; echo 2030-01-01T00:00:00 ;;
esac`;
  const words = await wordsOfPool(cli, squeue);
  expect(Number.parseInt(words[words.indexOf("--lifetime") + 1] ?? "", 10)).toBeWithin(
    7_000,
    7_141,
  );
});

test.each(["exit 1", "echo N/A", "echo NONE", "echo", "kill -9 $$"])(
  "without an end of its task (%s) a pool has no lifetime",
  async (squeue) => {
    using cli = await openCommands(null);
    expect(await wordsOfPool(cli, squeue)).toEqual([
      ...["pool", "--max-workers", "1", "--idle-timeout", "5m", "--grace", "25s"],
    ]);
  },
);

test("words after the second -- are options of the pools", async () => {
  using cli = await openCommands(null);
  const name = 'it\'s $HOME "b"';
  const words = await wordsOfPool(cli, "exit 1", ["--time=3", "--", "--commands", "--name", name]);
  expect(words.slice(-3)).toEqual(["--commands", "--name", name]);
});

test("launch --fill submits pools that use the server of this command, with their options", async () => {
  await using database = await freshDatabase();
  const { url } = database;
  await postJobs(database.db, 50);
  for (const [engine, list, submit] of [
    ["slurm", "squeue", "sbatch"],
    ["sge", "qstat", "qsub"],
  ] as const) {
    using cli = await openCommands(null);
    const note = 'printf "%s\\n" "$PDOFLOW_DATABASE_URL" "$@" >called; cat >script';
    const env = await withPrograms(cli, { [list]: "exit 0", [submit]: note });
    const words = ["--fill", "--database", url, "--", "-q", "--", "--commands"];
    const { code, err } = await cli.runWith({ env }, "launch", engine, ...words);
    expect({ code, err }).toEqual({
      ...{ code: 0, err: expect.stringMatching(/^\w+: 13 submitted; 13 desired/) },
    });
    const [server, ...called] = readFileSync(join(cli.folder, "called"), "utf8").split("\n");
    expect(server).toBe(url);
    expect(called).not.toContain("--commands");
    const script = readFileSync(join(cli.folder, "script"), "utf8");
    expect(script).toEndWith('"${limit[@]}" --commands "$@"\n');
  }
});

test.each(["slurm", "sge"])("launch %s --fill needs an address for the nodes", async (engine) => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run("launch", engine, "--fill");
  expect(code).toBe(2);
  expect(err).toContain("--fill: expected the address of a database that the nodes can reach");
});

test("launch sge puts no password into the environment of jobs, which all users see", async () => {
  using cli = await openCommands(null);
  const url = "postgres://ann:secret@db/science";
  const { code, err } = await cli.run("launch", "sge", "--fill", "--database", url);
  expect(code).toBe(2);
  expect(err).toContain("--database: expected no password: Grid Engine shows");
  expect(err).not.toContain("secret");
});
