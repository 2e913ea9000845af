// `pdoflow launch ssh` by a real sshd, against a real queue.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { openCli, until } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";
import { brokenInvariants } from "../db/invariants.ts";
import { allOnce, notedJobs, size } from "./noted-jobs.ts";
import { hasSshd, openSshd } from "./sshd.ts";

const isHere = await hasSshd();
if (!isHere) console.error("No tests with ssh: they need root, and apt-get or openssh-server.");

test.if(isHere)(
  "launch ssh: 200 jobs run, SIGTERM costs no attempt, and jobs of a killed pool run again",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using sshd = await openSshd();
    const jobs = await notedJobs(db, cli, "PDOFLOW_SLOT");
    const env = { PATH: `${sshd.path}:${cli.env["PATH"]}` };
    const [program = ""] = cli.command;
    const launch = (...args: string[]) =>
      cli.runWith({ env }, "launch", "ssh", "--program", program, "--send-url", ...args);
    const pools = (state: string) => db.sql`select from pdoflow.pool where state = ${state}`;
    const start = (...args: string[]) =>
      launch(...args, "--root", cli.folder, "--slots", "2", "--", "--heartbeat-timeout", "3s");

    const checked = await launch("--check", "node1", "gone", "--root", cli.folder);
    expect(checked.code).toBe(71);
    expect(checked.err).toMatch(/^ssh: node1: can start a pool, \d/m);
    expect(checked.err).toMatch(/^ssh: gone: failed: .*Connection refused/m);
    expect((await launch("node1", "--root", "/nowhere")).err).toContain(
      "ssh: node1: failed: expected the folder /nowhere, found none",
    );
    expect(await pools("up")).toHaveLength(0);

    await cli.write("nodes", "node1 # the first\n\nnode2\nnode3\n");
    expect((await start("node1")).err).toContain(
      `ssh: node1: started, log ${sshd.stateOf("node1")}/pdoflow/pdoflow-pool.log`,
    );
    const others = await start("--hosts", "nodes");
    expect(others).toMatchObject({ code: 0 });
    expect(others.err).toContain("ssh: node1: has a pool already\n");
    expect(await pools("up")).toHaveLength(3);
    expect(argumentLists().filter((list) => list.includes(db.url))).toEqual([]);
    const first = await jobs.post();
    await jobs.untilDone(first);
    expect(await jobs.outcomesOf(first)).toEqual(allOnce);

    const asked = await jobs.through(({ pool }) => process.kill(pool, "SIGTERM"));
    expect(asked.outcomes).toEqual(allOnce);
    await until("its end", async () => (await pools("up")).length === 2);
    const killed = await jobs.through(({ pool }) => process.kill(pool, "SIGKILL"));
    expect(killed.outcomes).toContainEqual(expect.objectContaining({ state: "done", n: size }));
    expect(await pools("lost")).toHaveLength(1);
    expect(jobs.fewestRuns()).toBe(3);

    // One pool is left, and a thousand jobs of 100 ms need all three.
    await cli.run("post", "noted.ts#noted", "--each", "1-1000");
    const filled = await start("--hosts", "nodes", "--fill", "--max-pools", "2");
    expect(filled.err).toMatch(/ssh: 1 started; \d+ desired, at most 2, 1 there\n/);
    expect(await pools("up")).toHaveLength(2);
    const { host } = (await db.sql`select host from pdoflow.pool`)[0] ?? {};
    await cli.run("drain", String(host));
    await until("no pool", async () => (await pools("up")).length === 0);
    await until("drained pools", async () => (await pools("draining")).length === 0);
    expect(await brokenInvariants(db.db)).toEqual([]);
  },
  600_000,
);

test.if(isHere)(
  "launch ssh passes words with quotes and spaces on as they are",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCli(db);
    await using sshd = await openSshd();
    const [program = ""] = cli.command;
    const root = join(cli.folder, "it's $HOME `here`\n");
    mkdirSync(root);
    await Bun.write(join(root, "here.ts"), "export const here = () => process.cwd();");
    await db.sql`select pdoflow.post('here.ts#here', '[[]]')`;
    const env = { PATH: `${sshd.path}:${cli.env["PATH"]}` };
    const pool = [
      "--program",
      program,
      "--root",
      root,
      "--send-url",
      "--",
      "--name",
      "'; exit 1 #",
    ];
    const wrong = await cli.runWith({ env }, "launch", "ssh", "node1", ...pool);
    expect(wrong.err).toContain("'; exit 1 #");
    const right = [...pool.slice(0, -2), "--once"];
    expect(await cli.runWith({ env }, "launch", "ssh", "node1", ...right)).toMatchObject({
      code: 0,
    });
    await until("the job", async () => (await db.sql`select from pdoflow.outcome`).length === 1);
    const [row] = await db.sql`select result from pdoflow.outcome`;
    expect(row).toEqual({ result: root });
  },
  300_000,
);

/** The command lines of all processes. */
function argumentLists(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return ""; // it has ended
      }
    });
}
