// `npm test`: format, lint and types, the binary, then all tests in parallel on the newest
// PostgreSQL and, beside them, some on the oldest. Arguments go to `bun test`, on the newest only.
// Where few files fail, they are run once more, alone, and what passes then is listed as such.
// The last line is "N passed, N failed", of both runs; a check that fails counts as one failure.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { isDevelopersOwn } from "./environment.ts";
import { hasOldest } from "./oldest-server.ts";
import { folderOf, runOf } from "./test-run.ts";

export interface Tally {
  passed: number;
  failed: number;
}

/** What one `bun test` told, and the environment that it ran in. */
interface Run extends Tally {
  env: Record<string, string | undefined>;
  failedFiles: string[];
}

/** More would only wait for the one server that they share. */
const workersMax = 8;

/** What runs on the oldest PostgreSQL, too: the SQL, and pools that rescue each other's jobs. */
const forOldest = ["test/database.test.ts", "test/db", "test/binary/pool/rescue.test.ts"];

/** Where more files fail than these, it is not for want of time on a busy machine. */
const filesTriedTwice = 3;

const root = join(import.meta.dir, "..");
const running = new Set<Bun.Subprocess>();

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  const isWhole = args.length === 0;
  const failures: string[] = [];
  // A test that needs them tries again where this fails, and tells why.
  const packages = isWhole ? succeeds("test/packages/install.ts") : null;
  if (!(await succeeds("run", "check"))) failures.push("npm run check: format, lint, types");
  if (!(await succeeds("build.ts", "--if-changed"))) failures.push("npm run build: the binary");
  await packages;
  const runs = await Promise.all(isWhole ? allTests() : [testsOnNewest(args)]);
  const tallies = isWhole ? await triedTwice(runs) : runs;
  for (const failure of failures) console.error(`failed: ${failure}`);
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, failures.length);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** What we have started ends with us where we are asked to. */
function stop(): void {
  for (const child of running) child.kill("SIGTERM");
  process.exit(130);
}

/** Runs a command of Bun in our terminal. */
async function succeeds(...args: string[]): Promise<boolean> {
  console.error(`\n> bun ${args.join(" ")}`);
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return (await codeOf(child)) === 0;
}

async function codeOf(child: Bun.Subprocess): Promise<number> {
  running.add(child);
  const code = await child.exited;
  running.delete(child);
  return code;
}

/**
 * The tallies after files that failed beside all others were run alone. A test has passed that
 * passes then: it wanted time or memory that others took, and is listed, so that it can be mended.
 */
async function triedTwice(runs: readonly Run[]): Promise<Tally[]> {
  const count = runs.reduce((sum, { failedFiles }) => sum + failedFiles.length, 0);
  if (count === 0 || count > filesTriedTwice) return [...runs];
  const tallies: Tally[] = [];
  for (const run of runs) tallies.push(run.failed === 0 ? run : await again(run));
  return tallies;
}

async function again({ passed, failed, failedFiles, env }: Run): Promise<Tally> {
  const command = ["test", ...failedFiles];
  const postgres = env["PDOFLOW_TEST_POSTGRES"];
  const server = postgres === undefined ? "" : `PDOFLOW_TEST_POSTGRES=${postgres} `;
  console.error(`\n> ${server}bun ${command.join(" ")} (once more, alone)`);
  const second = await runTests(command, env, (bytes) => process.stderr.write(bytes));
  if (failedFiles.length === 0 || second.failed > 0) return { passed, failed };
  console.error(`\n${failed} failed beside all others and passed alone: ${failedFiles.join(" ")}`);
  return { passed: passed + failed, failed: 0 };
}

function allTests(): Promise<Run>[] {
  const newest = testsOnNewest([]);
  if (hasOldest()) return [newest, testsOnOldest(newest)];
  console.error("\nNo tests on PostgreSQL 14: npm has it for linux-x64 only.");
  return [newest];
}

function testsOnNewest(args: readonly string[]): Promise<Run> {
  // One more than there are cores: many tests wait for processes and timers.
  const parallel = `--parallel=${Math.min(availableParallelism() + 1, workersMax)}`;
  const command = ["test", parallel, ...args];
  console.error(`\n> bun ${command.join(" ")}`);
  return runTests(command, environment(), (bytes) => process.stderr.write(bytes));
}

/** Prints nothing before `others` have ended: who would see which server a line is about? */
async function testsOnOldest(others: Promise<unknown>): Promise<Run> {
  const command = ["test", ...forOldest];
  const server = { PDOFLOW_TEST_POSTGRES: "14", PDOFLOW_TEST_DATABASE_URL: undefined };
  const env = { ...environment(), ...server };
  const said: Uint8Array[] = [];
  const tally = await runTests(command, env, (bytes) => said.push(bytes));
  await others;
  console.error(`\n> PDOFLOW_TEST_POSTGRES=14 bun ${command.join(" ")}`);
  for (const bytes of said) process.stderr.write(bytes);
  return tally;
}

async function runTests(
  command: readonly string[],
  env: Record<string, string | undefined>,
  print: (bytes: Uint8Array) => void,
): Promise<Run> {
  const child = Bun.spawn([process.execPath, ...command], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "pipe"],
  });
  const ended = codeOf(child);
  const run = runOf(child.pid);
  let said = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stderr) {
    print(bytes);
    said += decoder.decode(bytes, { stream: true });
  }
  const code = await ended;
  if (run) await untilGone(folderOf(run)); // its server, which the keeper stops
  const counted = tally(said, code);
  const told = { env, failedFiles: failedFiles(said) };
  if (counted.passed + counted.failed > 0) return { ...counted, ...told };
  console.error(`failed: bun ${command.join(" ")}: no test ran`);
  return { passed: 0, failed: 1, ...told };
}

/** The environment of the tests: without the developer's own databases. */
function environment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !isDevelopersOwn(name));
  const colour = process.stderr.isTTY ? { FORCE_COLOR: "1" } : {};
  return { ...Object.fromEntries(kept), ...colour };
}

async function untilGone(folder: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (existsSync(folder)) {
    if (performance.now() > giveUpAt) throw new Error(`${folder} should be gone. Remove it.`);
    await Bun.sleep(50);
  }
}

/**
 * What `bun test` counted, from the end of what it printed and its exit code. Without such an end
 * it was cut short, which is a failure too.
 */
export function tally(printed: string, code: number): Tally {
  const plain = Bun.stripANSI(printed);
  const end = [...plain.matchAll(/((?:^ *\d+ [a-z() ]+\n)+)Ran \d+ tests? across/gm)].at(-1)?.[1];
  const count = (what: string) => {
    const lines = [...(end ?? "").matchAll(new RegExp(`^ *(\\d+) ${what}$`, "gm"))];
    return Number(lines.at(-1)?.[1] ?? 0);
  };
  const failed = count("fail") || count("errors?");
  return { passed: count("pass"), failed: failed === 0 && code !== 0 ? 1 : failed };
}

/** The files of which `bun test` told a failure, in the order in which it did. */
export function failedFiles(printed: string): string[] {
  const plain = Bun.stripANSI(printed);
  const files = plain.split(/^(\S+\.test\.ts):$/m).slice(1);
  const hasFailed = /^(?:\(fail\) |# Unhandled error|\S+ \S+\.test\.ts \(worker crashed)/m;
  const failed = files.filter((_, i) => i % 2 === 0 && hasFailed.test(files[i + 1] ?? ""));
  return [...new Set(failed)];
}
