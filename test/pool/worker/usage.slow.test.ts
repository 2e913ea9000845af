// The resources that jobs have used, compared with GNU time (`time -v`) if the machine has it, else
// with wait4, which GNU time calls too.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

import { type Commands, openCommands } from "../../cli/in-process.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";

const gnuTime = "/usr/bin/time";
/** The command under GNU time, which writes what it measures to a file. */
const timing = existsSync(gnuTime) ? [gnuTime, "-f", "%U %S %M", "-o", "timed"] : [];
/** The last of them. */
const timedHere = () => {
  const [user = 0, system = 0, kib = 0] = readFileSync(`${cli.folder}/timed`, "utf8")
    .split(" ")
    .map(Number);
  return { cpuMs: 1000 * (user + system), peakBytes: 1024 * kib };
};

interface Used {
  seq: number;
  durationMs: number;
  cpuMs: number;
  peakBytes: number | null;
  readBytes: number;
  writtenBytes: number;
  result: unknown;
}

let db: TestDatabase;
let cli: Commands;

beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write(
    "work.ts",
    `import { readFileSync, writeFileSync } from "node:fs";
     const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
     export function spin(ms: number) {
       const until = cpuMs() + ms;
       while (cpuMs() < until);
       return cpuMs();
     }
     export function allocate(bytes: number) {
       return Buffer.alloc(bytes, 1).length;
     }
     export function copy(bytes: number) {
       writeFileSync("copied", Buffer.alloc(bytes, 1));
       readFileSync("copied");
       return readFileSync("copied").length;
     }
     export async function child(command: string[]) {
       const process = Bun.spawn(command);
       await process.exited;
       return Number(process.resourceUsage()?.cpuTime.total) / 1000;
     }
     export function die(bytes: number) {
       spin(300);
       allocate(bytes);
       process.kill(process.pid, "SIGKILL");
     }
     export async function together(count: number) {
       const source = "const a = Buffer.alloc(100e6, 1); await Bun.sleep(600); a.fill(2)";
       const all = Array.from({ length: count }, () => Bun.spawn([process.execPath, "-e", source]));
       await Promise.all(all.map(({ exited }) => exited));
     }
     const [name, value] = process.argv.slice(2);
     if (import.meta.main && name === "spin") spin(Number(value));
     if (import.meta.main && name === "allocate") allocate(Number(value));`,
  );
});

afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

/** Runs these jobs in one worker, one after the other. */
async function usedBy(entryPoint: string, args: readonly unknown[]): Promise<Used[]> {
  const input = args.map((each) => `${JSON.stringify([each])}\n`).join("");
  const posted = await cli.runWith(
    { input },
    "post",
    `work.ts#${entryPoint}`,
    "-",
    "--max-attempts",
    "1",
  );
  await cli.run("pool", "--max-workers", "1", "--once");
  return await readUsed(posted.out);
}

const readUsed = (posting: string) => db.sql<Used[]>`
  select seq, duration_ms, cpu_user_ms + cpu_system_ms as cpu_ms, peak_bytes::float8,
         read_bytes::float8, written_bytes::float8, result::jsonb as result
  from pdoflow.outcome where posting_id = ${posting.trim()} order by seq`;

/** The same in a process of its own, as GNU time has it. */
function timed(...command: string[]): { cpuMs: number; peakBytes: number } {
  const { resourceUsage } = Bun.spawnSync([...timing, ...command], { cwd: cli.folder });
  if (timing.length > 0) return timedHere();
  return { cpuMs: Number(resourceUsage.cpuTime.total) / 1000, peakBytes: resourceUsage.maxRSS };
}

const inBun = (name: string, value: number) =>
  timed(process.execPath, `${cli.folder}/work.ts`, name, `${value}`);

/** Whether two numbers differ by at most a share of the second. */
const isWithin = (share: number, actual: number | null, expected: number) => {
  const difference = Math.abs((actual ?? NaN) - expected) / expected;
  expect({ actual, expected, isWithin: difference <= share }).toMatchObject({ isWithin: true });
};

test("CPU time in JavaScript is that of GNU time, whatever ran before the job", async () => {
  const start = inBun("spin", 0);
  const { cpuMs } = inBun("spin", 600);
  const used = await usedBy("spin", [1, 600, 1, 1, 200, 1]);
  isWithin(0.05, used[1]?.cpuMs ?? null, cpuMs - start.cpuMs);
  isWithin(0.05, used[4]?.cpuMs ?? null, 200);
});

test("the peak of a large allocation is that of GNU time", async () => {
  const { peakBytes } = inBun("allocate", 400e6);
  const [, used] = await usedBy("allocate", [1, 400e6]);
  isWithin(0.1, used?.peakBytes ?? null, peakBytes);
});

test("a job has the CPU time of its child process, as GNU time measures it", async () => {
  const loop = ["sh", "-c", "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"];
  const [, used] = await usedBy("child", [["true"], [...timing, ...loop]]);
  isWithin(0.05, used?.cpuMs ?? null, Number(used?.result));
  if (timing.length > 0) isWithin(0.05, used?.cpuMs ?? null, timedHere().cpuMs);
});

test("a command has the CPU time and the peak that GNU time measures of the same process", async () => {
  const source = "const a = Buffer.alloc(200e6, 1); let i = 0; while (i < 2e9) i++; // {}";
  const command = [...timing, process.execPath, "-e", source];
  const posted = await cli.run("post", "--", ...command, ":::", "1");
  await cli.run("pool", "--max-workers", "1", "--commands", "--once");
  const [used] = await readUsed(posted.out);
  if (timing.length === 0) return expect(used?.peakBytes).toBeGreaterThan(200e6);
  isWithin(0.05, used?.cpuMs ?? null, timedHere().cpuMs);
  isWithin(0.1, used?.peakBytes ?? null, timedHere().peakBytes);
});

test.skipIf(!existsSync("/proc/self/io"))("bytes read and written are counted", async () => {
  const [used] = await usedBy("copy", [30_000_000]);
  isWithin(0.01, used?.readBytes ?? null, 60_000_000);
  isWithin(0.01, used?.writtenBytes ?? null, 30_000_000);
});

test("short jobs add up to the CPU time of their worker", async () => {
  const used = await usedBy(
    "spin",
    Array.from({ length: 2_000 }, () => 0.2),
  );
  // Each returns the CPU time of its worker at its end; they may run in another order.
  const ends = used.map(({ result }) => Number(result));
  const first = ends.indexOf(Math.min(...ends));
  const others = used.filter((_, i) => i !== first);
  const sum = others.reduce((all, { cpuMs }) => all + cpuMs, 0);
  isWithin(0.05, sum, Math.max(...ends) - Math.min(...ends));
  const [row] = await db.sql`
    select count(*)::integer as runs, max(cardinality(usage)) as numbers
    from pdoflow.outcome_run where posting_id = (select max(posting_id) from pdoflow.outcome_run)`;
  expect(row).toEqual({ runs: expect.any(Number), numbers: 5 });
  expect(row?.["runs"]).toBeLessThan(200);
});

test("a job whose worker dies has the CPU time and the peak until then", async () => {
  const [, used] = await usedBy("die", [1, 600e6]); // more than any pool: its memory is the least
  expect(used).toMatchObject({ readBytes: null, writtenBytes: null });
  expect(used?.peakBytes).toBeGreaterThan(600e6);
  expect(used?.cpuMs).toBeWithin(300, 8_000); // page faults are dear on some machines
});

test("a command that is killed for its timeout has the CPU time that the pool has seen", async () => {
  const stubborn = "trap '' TERM; while :; do :; done # {}";
  const timeout = ["--timeout", "1s", "--grace", "100ms", "--max-attempts", "1"];
  const posted = await cli.run("post", ...timeout, "--", stubborn, ":::", "1");
  await cli.run("pool", "--max-workers", "1", "--commands", "--once");
  const [used] = await readUsed(posted.out);
  expect(used?.cpuMs).toBeGreaterThan(50); // on a busy machine
  expect(used?.peakBytes).toBeLessThan(20e6);
});

test("a command that uses less memory than its worker has the peak that its pool has seen", async () => {
  const posted = await cli.run("post", "--", "sleep 1", ":::", "1");
  await cli.run("pool", "--max-workers", "1", "--commands", "--once");
  const [used] = await readUsed(posted.out);
  expect(used?.peakBytes).toBeWithin(500_000, 20e6);
});

test("child processes that run together count together", async () => {
  const [used] = await usedBy("together", [3]);
  expect(used?.peakBytes).toBeWithin(3 * 100e6, 3 * 250e6);
});
