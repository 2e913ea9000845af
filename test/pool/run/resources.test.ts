import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { shareEnvironment } from "../../../src/pool/wire/share-environment.ts";
import { freshDatabase } from "../../database.ts";
import { until } from "../../binary/cli.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

/**
 * Jobs that write down what they take of each device when they begin and when they end, with their
 * process, because one that is killed writes no end.
 */
const journaling = `
  import { appendFileSync } from "node:fs";
  import { currentJob } from "pdoflow";
  const line = (sign: string) => {
    const { gpu } = currentJob().resources;
    const amount = gpu.amount / gpu.devices.length;
    appendFileSync("journal", [sign, process.env.CUDA_VISIBLE_DEVICES, amount, process.pid].join(" ") + "\\n");
  };
  export async function train(ms = 20) {
    line("+");
    if (ms < 0 && currentJob().attempt === 1) process.kill(process.pid, "SIGKILL");
    await Bun.sleep(Math.abs(ms));
    line("-");
  }`;

interface Entry {
  sign: string;
  devices: string[];
  amount: number;
  pid: string;
}

const journal = (cli: Commands): Entry[] =>
  readFileSync(join(cli.folder, "journal"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([sign = "", devices = "", amount, pid = ""]) => ({
      ...{ sign, devices: devices.split(","), amount: Number(amount), pid },
    }));

/** The most that jobs had of each device at the same time. A process that was killed has ended. */
function mostAtOnce(cli: Commands): Record<string, number> {
  const now = new Map<string, { device: string; amount: number }[]>();
  const most: Record<string, number> = {};
  const entries = journal(cli);
  for (const [at, { sign, devices, amount, pid }] of entries.entries()) {
    const ends = entries.slice(at + 1).some((each) => each.pid === pid && each.sign === "-");
    if (sign === "+" && !ends) continue;
    now.set(pid, sign === "+" ? devices.map((device) => ({ device, amount })) : []);
    for (const device of devices) {
      const held = [...now.values()].flat().filter((each) => each.device === device);
      const sum = held.reduce((total, each) => total + each.amount, 0);
      most[device] = Math.max(most[device] ?? 0, sum);
    }
  }
  return most;
}

const post = (cli: Commands, jobs: readonly number[], ...args: string[]) =>
  cli.runWith(
    { input: JSON.stringify(jobs.map((ms) => [ms])) },
    ...["post", "train.ts#train", "-", "--backoff", "0s", ...args],
  );

test.each([
  [["2", "3"], "2,3", "0,1"],
  [["GPU-8f2"], "GPU-8f2", "0"],
  [[], "", undefined],
])("HIP finds the gpus %p by their position among those of the job", (gpu, named, positions) => {
  const share = { counts: { cpus: 1, gpu: gpu.length }, devices: gpu.length > 0 ? { gpu } : {} };
  expect(shareEnvironment(share, true)).toMatchObject({
    CUDA_VISIBLE_DEVICES: named,
    ROCR_VISIBLE_DEVICES: named,
    HIP_VISIBLE_DEVICES: positions,
  });
});

const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

test("jobs that take a gpu each run on different ones, also after a worker was killed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("train.ts", journaling);
  await cli.write("bin/nvidia-smi", "#!/bin/sh\necho 'GPU 0: A100'\necho 'GPU 1: A100'\n");
  await Bun.spawn(["chmod", "+x", join(cli.folder, "bin/nvidia-smi")]).exited;
  await post(cli, [20, -20, 20, 20, -20, 20, 20, 20, 20, 20], "--needs", "gpu=1");
  const env = { PATH: `${join(cli.folder, "bin")}:${process.env["PATH"]}` };
  expect(await cli.runWith({ env }, "pool", "--once", "-j", "4")).toMatchObject({ code: 0 });
  expect(mostAtOnce(cli)).toEqual({ 0: 1, 1: 1 });
  expect(journal(cli).filter(({ sign }) => sign === "-")).toHaveLength(10);
});

test("a pool whose gpu is a word hides no devices from jobs that take other amounts", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "train.ts",
    `import { appendFileSync } from "node:fs";
     export const train = () => appendFileSync("seen", process.env.CUDA_VISIBLE_DEVICES + "\\n");`,
  );
  await post(cli, [1], "--needs", "gpu,cpus=1");
  const env = { CUDA_VISIBLE_DEVICES: "3" };
  await cli.runWith({ env }, "pool", "--once", "--resource", "gpu", "--resource", "cpus=2");
  expect(readFileSync(join(cli.folder, "seen"), "utf8")).toBe("3\n");
});

test("shares of gpus add up to whole ones, beside jobs that take one or two", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("train.ts", journaling);
  await post(cli, times(4, 30), "--needs", "gpu=0.5,cpus=0.25");
  await post(cli, times(2, 30), "--needs", "gpu=2");
  await post(cli, times(4, 30), "--needs", "gpu=0.3");
  await post(cli, times(3, 30), "--needs", "gpu=1");
  const pool = await cli.run("pool", "--once", "-j", "8", "--resource", "gpu=a,b");
  expect(pool).toMatchObject({ code: 0 });
  expect(mostAtOnce(cli)).toEqual({ a: 1, b: 1 });
  expect(journal(cli)).toHaveLength(2 * 13);
});

test("a job and its commands see their share", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "share.ts",
    `import { currentJob } from "pdoflow";
     export const share = () => ({ ...currentJob().resources, threads: process.env.OMP_NUM_THREADS ?? "" });`,
  );
  const needs = ["--needs", "cpus=3,mem=2G,licence/matlab=1"];
  await cli.runWith({ input: "[[]]" }, "post", "share.ts#share", "-", ...needs);
  const command = "echo $CUDA_VISIBLE_DEVICES $PDOFLOW_CPUS {}";
  await cli.run("post", "--needs", "gpu=1", "--output", "all", "--", command, ":::", "x");
  await cli.runWith({ input: "[[]]" }, "post", "share.ts#share", "-");
  const resources = ["cpus=4", "mem=4G", "licence/matlab=2", "gpu=7"].flatMap((each) => [
    ...["--resource", each],
  ]);
  await cli.run("pool", "--once", "--commands", ...resources);
  const rows = await db.sql`select result::text, stdout from pdoflow.outcome order by posting_id`;
  expect(rows.map(({ result, stdout }) => stdout ?? JSON.parse(result))).toEqual([
    {
      ...{ cpus: { amount: 3 }, mem: { amount: 2 ** 31 }, "licence/matlab": { amount: 1 } },
      threads: "3",
    },
    "7 1 x\n",
    { threads: "" },
  ]);
});

test("a job that has more memory than it takes is killed with that reason", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "grow.ts",
    `export async function grow() {
       const kept = [];
       for (let i = 0; i < 30; i++) {
         kept.push(new Uint8Array(20 << 20).fill(1));
         await Bun.sleep(20);
       }
       await Bun.sleep(60_000);
     }`,
  );
  const needs = ["--needs", "mem=300M", "--max-attempts", "1"];
  await cli.runWith({ input: "[[]]" }, "post", "grow.ts#grow", "-", ...needs);
  expect(await cli.run("pool", "--once", "-j", "1")).toMatchObject({ code: 1 });
  const [row] = await db.sql`select error::text from pdoflow.outcome`;
  expect(row?.["error"]).toMatch(/OutOfMemory.*the job used \d+M of memory, more than the 300M of/);
});

test("with --pin-cpus, each job runs on the cpus that it takes, also one without needs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "where.ts",
    `import { readFileSync } from "node:fs";
     export const where = () =>
       /^Cpus_allowed_list:\\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))[1];`,
  );
  await cli.runWith({ input: "[[]]" }, "post", "where.ts#where", "-", "--needs", "cpus=1");
  await cli.runWith({ input: "[[]]" }, "post", "where.ts#where", "-");
  await cli.run("post", "--output", "all", "--", "taskset -cp $$ #", ":::", "x");
  const env = { PATH: process.env["PATH"] ?? "" };
  await cli.runWith({ env }, "pool", "--once", "--commands", "--pin-cpus", "--resource", "cpus=1");
  const rows = await db.sql`select result::text, stdout from pdoflow.outcome order by posting_id`;
  const cpus = rows.map(
    ({ result, stdout }) => stdout?.split(": ")[1].trim() ?? JSON.parse(result),
  );
  expect(cpus).toHaveLength(3);
  expect(new Set(cpus).size).toBe(1);
  expect(cpus[0]).toMatch(/^\d+$/);
});

test("a large job is not overtaken forever by small ones that were posted later", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "sleep.ts",
    `import { appendFileSync } from "node:fs";
     export async function sleep(ms: number) {
       appendFileSync("starts", process.env.PDOFLOW_CPUS + "\\n");
       await Bun.sleep(ms);
     }`,
  );
  const of = (count: number, needs: string) =>
    cli.runWith(
      { input: JSON.stringify(times(count, 60).map((ms) => [ms])) },
      ...["post", "sleep.ts#sleep", "-", "--needs", needs],
    );
  await of(4, "cpus=1");
  await of(1, "cpus=4");
  await of(60, "cpus=1");
  await cli.run("pool", "--once", "--resource", "cpus=4");
  const starts = readFileSync(join(cli.folder, "starts"), "utf8").trim().split("\n");
  expect(starts).toHaveLength(65);
  expect(starts.indexOf("4")).toBeLessThan(40);
});

test("pool --once runs postings that open while it knows of jobs that take other amounts", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("train.ts", "export const train = (ms: number) => Bun.sleep(ms);");
  await post(cli, [1], "--needs", "cpus=0.5");
  await post(cli, [150]);
  for (let upstream = 2; upstream <= 3; upstream++)
    await post(cli, [150], "--after", `${upstream}`);
  expect(await cli.run("pool", "--once", "-j", "2")).toMatchObject({ code: 0 });
  const open = await db.sql`select id from pdoflow.posting where ended_at is null`;
  expect(open).toHaveLength(0);
});

test("a drained pool leaves its gpus, and so does one that was killed", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("train.ts", journaling);
  await post(cli, times(4, 500), "--needs", "gpu=1");
  const running = (seen: number) =>
    until(
      "a job to begin",
      async () => existsSync(join(cli.folder, "journal")) && journal(cli).length > seen,
    );
  const resource = ["--resource", "gpu=0", "-j", "2", "--heartbeat-timeout", "2s"];
  const drained = cli.start("pool", ...resource);
  await running(0);
  const [held] = await db.sql`
    select sum(r.end_seq - r.first_seq)::integer as jobs
    from pdoflow.lease l cross join lateral pdoflow.ranges_of(l) r where l.active`;
  expect(held).toEqual({ jobs: 1 }); // it claims no job that must wait for the gpu
  drained.kill("SIGTERM");
  expect(await drained.exited).toBe(0);
  const before = journal(cli).length;
  const main = join(import.meta.dir, "../../../src/main.ts");
  const env = { ...process.env, PDOFLOW_DATABASE_URL: db.url };
  const killed = Bun.spawn([process.execPath, main, "pool", ...resource], {
    ...{ cwd: cli.folder, env, stdio: ["ignore", "ignore", "ignore"] },
  });
  await running(before);
  killed.kill("SIGKILL");
  await killed.exited;
  expect(await cli.run("pool", "--once", ...resource)).toMatchObject({ code: 0 });
  expect(mostAtOnce(cli)).toEqual({ 0: 1 });
  expect(journal(cli).filter(({ sign }) => sign === "-").length).toBe(4);
});
