// `pdoflow launch` without its engines: test/engines runs it with them.
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { Hosts } from "../../../src/cli/launch/hosts.ts";
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

test.each([
  ["slurm", '--comment=it\'s "x" \\ #1', '"--comment=it\'s \\"x\\" \\\\ #1"'],
  ["slurm", "--wckey=#a", '"--wckey=#a"'],
  ["sge", "-o", "-o"],
  ["sge", "/a b/$JOB_ID.log", '"/a b/$JOB_ID.log"'],
])("launch %s writes %j as one word of its script", async (engine, option, written) => {
  using cli = await openCommands(null);
  const words = option.startsWith("-") ? [option] : ["-o", option];
  const { code, out } = await cli.run("launch", engine, "--", ...words);
  expect(code).toBe(0);
  expect(out).toContain(` ${written} `);
});

test.each([
  ["slurm", "--chdir=/a\nb"],
  ["sge", "-ac\nx"],
  ["sge", '-acx="y"'],
  ["sge", "-acx='y'"],
])("launch %s refuses %j, which its script cannot have", async (engine, option) => {
  using cli = await openCommands(null);
  const { code, out, err } = await cli.run("launch", engine, "--", option);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(`can have, found ${JSON.stringify(option)}. With --fill it is passed`);
});

test("launch sge keeps its time limit beside a request for another resource", async () => {
  using cli = await openCommands(null);
  const limit = "\n#$ -l h_rt=1:0:0\n";
  expect((await cli.run("launch", "sge", "--", "-l", "gpu=1")).out).toContain(limit);
  expect((await cli.run("launch", "sge", "--", "-l", "gpu=1,h_rt=9")).out).not.toContain(limit);
});

test.each(["--fill", "--check", "--slots=2"])(
  "launch %s takes no other script to submit",
  async (how) => {
    using cli = await openCommands(null);
    for (const [engine, program] of [
      ["slurm", "sbatch"],
      ["sge", "qsub"],
    ] as const) {
      const { code, out, err } = await cli.run("launch", engine, how, "night.sh");
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`expected options of ${program} after --, found "night.sh"`);
    }
  },
);

test.each([
  ["slurm", "--for", "gpu"],
  ["sge", "--project", "night"],
  ["ssh", "--for", "gpu"],
  ["ssh", "--project", "night"],
  ["ssh", "--max-pools", "2"],
])("launch %s refuses %s without --fill, where it does nothing", async (engine, option, value) => {
  using cli = await openCommands(null);
  const hosts = engine === "ssh" ? ["node1"] : [];
  const { code, err } = await cli.run("launch", engine, ...hosts, option, value);
  expect(code).toBe(2);
  expect(err).toContain(`${option}: expected --fill with it, found none`);
});

test.each(["slurm", "sge", "ssh node1"])(
  "launch %s --fill refuses a second --for, as depth does",
  async (words) => {
    using cli = await openCommands(null);
    const twice = ["--slots", "4", "--for", "gpu", "--for", "mem=8G"];
    expect(await cli.run("launch", ...words.split(" "), "--fill", ...twice)).toMatchObject({
      ...{ code: 2, out: "", err: expect.stringContaining("--for: expected it once") },
    });
  },
);

/** A program named ssh that runs the script here, with a home folder for each host. */
async function withSsh(cli: Awaited<ReturnType<typeof openCommands>>, pool: string) {
  await cli.write(
    "bin/ssh",
    `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\ncase $2 in
hangs*) sleep 3;;
down*) echo refused >&2; exit 255;;\nnoisy*) printf 'free disk: 10G\\n\\nok';; esac
export HOME='${cli.folder}'/$2; mkdir -p "$HOME"; cd "$HOME"\nexec sh -c "$3"\n`,
  );
  await cli.write("bin/pool", `#!/bin/sh\n${pool}\n`);
  for (const name of ["ssh", "pool"]) chmodSync(join(cli.folder, "bin", name), 0o755);
  const env = { PATH: `${cli.folder}/bin:${process.env["PATH"]}` };
  const program = ["--program", join(cli.folder, "bin", "pool")];
  return (...args: string[]) => cli.runWith({ env }, "launch", "ssh", ...program, ...args);
}

test("launch ssh asks a host once, however often it is named, and counts all hosts", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, "echo 1.0");
  await cli.write("hosts", "node1\nnode2\n");
  expect(await launch("--check", "node1", "node1", "down", "--hosts", "hosts")).toEqual({
    ...{ code: 71, out: "" },
    err: expect.stringMatching(
      /^(ssh: [^\n]*\n){3}pdoflow launch ssh: 1 of 3 hosts failed: down\./,
    ),
  });
});

test("a host that accepts and then hangs has failed after a while, and the others go on", async () => {
  using cli = await openCommands(null);
  await withSsh(cli, "echo 1.0");
  const env = { PATH: `${cli.folder}/bin:${process.env["PATH"]}` };
  const pool = { program: "pool", root: null, name: "a", options: [], url: null };
  const startedAt = performance.now();
  const ssh = new Hosts(env, pool, 1_000);
  expect(await ssh.ask("check", ["hangs", "node1"])).toEqual([
    { host: "hangs", state: "failed", text: "expected an answer within 1 seconds, found none" },
    { host: "node1", state: "ok", text: "1.0" },
  ]);
  expect(performance.now() - startedAt).toBeLessThan(2_500);
});

test("launch ssh takes no text of a start file for the answer of a host", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, 'echo "no server" >&2; exit 3');
  expect(await launch("--check", "noisy")).toMatchObject({
    ...{ code: 71, err: expect.stringContaining("ssh: noisy: failed: no server\n") },
  });
});

test("launch ssh takes a pool for started by its own words only", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, 'echo "pdoflow pool: expected the root of it" >&2; exit 2');
  const { code, err } = await launch("node1");
  expect(code).toBe(71);
  expect(err).toStartWith("ssh: node1: failed: pdoflow pool: expected the root of it\n");
  const ready = await withSsh(cli, 'echo "pool: 2 workers, root /a, any project"');
  expect(await ready("node1")).toEqual({
    ...{ code: 0, out: "", err: expect.stringMatching(/^ssh: node1: started, log .*\.log\n$/) },
  });
});

test("launch ssh sends no empty address, with which hosts would use a server of their own", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, "echo 1.0");
  expect(await launch("node1", "--check", "--send-url")).toMatchObject({
    ...{ code: 2, err: expect.stringContaining("expected an address in --database or ") },
  });
});

/** A stand-in for the program of a host, which notes what it is called with. */
const noting = (server: string) => `echo "$@" >>called
case $1 in
config) case $* in *--database*) said=--database ;; *) said='${server}' ;; esac
  echo "the server is set by $said" >&2 ;;
pool) echo "pool: 2 workers, root /a, any project" ;;
esac`;

test("launch ssh refuses a host without settings, and starts no server there", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, noting("the embedded server"));
  const called = () => Bun.file(join(cli.folder, "node1", "called")).text();
  for (const options of [["--check"], []]) {
    const { code, err } = await launch("node1", ...options);
    expect(code).toBe(71);
    expect(err).toStartWith("ssh: node1: failed: expected settings for the database on this host,");
    expect(err).toContain("own. Use --send-url, or write ~/.config/pdoflow/db.conf there\n");
  }
  expect(await called()).toBe("config\nconfig\n");
  const url = ["--database", "postgres://db/it's"];
  expect(await launch("node1", "--check", "--", ...url)).toMatchObject({ code: 0 });
  expect(await called()).toContain("pools --database postgres://db/it's\n");
  expect(await launch("node1", "--", `--database=${url[1]}`)).toMatchObject({ code: 0 });
});

test("launch ssh recognizes a host without settings by the words of config", async () => {
  using cli = await openCommands(null);
  const program = [process.execPath, join(import.meta.dir, "../../../src/main.ts")];
  const launch = await withSsh(cli, `exec ${program.join(" ")} "$@"`);
  expect((await launch("node1", "--check")).err).toContain("failed: expected settings for the");
});

test("launch ssh refuses a quiet pool, whose log would not show that it has started", async () => {
  using cli = await openCommands(null);
  const launch = await withSsh(cli, "exit 0");
  for (const option of ["-q", "--quiet"]) {
    expect(await launch("node1", "--", "--once", option)).toMatchObject({
      ...{ code: 2, err: expect.stringContaining("expected no --quiet: the log of a pool") },
    });
  }
});
