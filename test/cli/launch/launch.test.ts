// `pdoflow launch` without its engines: test/engines runs it with them.
import { expect, test } from "bun:test";

import { openCommands } from "../in-process.ts";

test.each([
  ["slurm", "--time=7", ["#SBATCH --cpus-per-task=3 --time=7 --array=1-2 --job-name=mine"]],
  ["sge", "-l h_rt=0:7:0", ["#$ -pe smp 3 -l h_rt=0:7:0 -t 1-2 -N mine"]],
  ["sge", "-pe mpi 3", ["#$ -pe mpi 3 -t 1-2 -N mine", "#$ -l h_rt=1:0:0"]],
])(
  "launch %s prints its script with %p in place of its own options",
  async (engine, own, lines) => {
    using cli = await openCommands(null);
    const options = ["--slots", "3", "--max-pools", "2", "--job-name", "mine", "--"];
    const { code, out } = await cli.run("launch", engine, ...options, ...own.split(" "));
    expect(code).toBe(0);
    for (const line of lines) expect(out).toContain(`${line}\n`);
    const given = out.split("\n").filter((line) => /^#(SBATCH|\$) /.test(line));
    for (const name of ["job-name", "array", "cpus-per-task", "t", "N", "pe"])
      expect(given.filter((line) => new RegExp(` --?${name}\\b`).test(line)).length).toBeLessThan(
        2,
      );
  },
);

test("launch names the program that is missing", async () => {
  using cli = await openCommands(null);
  const env = { PATH: "/nowhere" };
  for (const [engine, program] of [
    ["slurm", "sbatch"],
    ["sge", "qsub"],
  ] as const) {
    expect(await cli.runWith({ env }, "launch", engine, "--check")).toMatchObject({
      code: 4,
      err: expect.stringContaining(`expected ${program} on the PATH, found none`),
    });
  }
  expect(await cli.runWith({ env }, "launch", "ssh", "node1")).toMatchObject({
    code: 4,
    err: expect.stringContaining("expected ssh on the PATH, found none"),
  });
});

test("launch ssh accepts no host that would be an option of ssh", async () => {
  using cli = await openCommands(null);
  await cli.write("hosts", "node1\n-oProxyCommand=touch${IFS}hit # a host\n");
  const { code, err } = await cli.run("launch", "ssh", "--hosts", "hosts");
  expect(code).toBe(2);
  expect(err).toContain('expected a name such as node1 or ann@node1, found "-oProxyCommand=');
  expect(await cli.run("launch", "ssh")).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected hosts, or --hosts FILE, found none"),
  });
});
