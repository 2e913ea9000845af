// Runs checks, the build, then tests: `bun test/run.ts` the fast ring (`npm test`), `--all` all rings
// of test/rings.ts (`npm run test:all`), `--ci` those of .ci/run. Other arguments go to `bun test`.
// A failed file is never run again: a test that fails now and then hides a fault. The last line is
// "N passed, N failed", the sum of all rings; a check that fails counts as one failure.
import { existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { isDevelopersOwn } from "./environment.ts";
import { hasOldest } from "./oldest-server.ts";
import { type Ring, rings } from "./rings.ts";
import { folderOf, runOf } from "./test-run.ts";

export interface Tally {
  passed: number;
  failed: number;
}

/** What a test file reported of its failures. */
export interface FailedFile {
  file: string;
  /** The messages, each before the name of its test. */
  report: string;
}

/** What one `bun test` reported. */
interface Run extends Tally {
  failedFiles: FailedFile[];
}

/** More would only wait for the one server that they share. */
const workersMax = 8;

/** Of a failed file, at the end of the output. */
const reportLines = 100;

/** How long each file took, so that the slowest start first. */
const timings = "dist/.test-timings.json";

const root = join(import.meta.dir, "..");
const running = new Set<Bun.Subprocess>();

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  const wanted = ringsOf(args);
  const failures: string[] = [];
  // A test that needs the packages installs them too, and reports why it cannot.
  const usesPackages = wanted.some((ring) => ring.usesPackages);
  const packages = usesPackages ? succeeds("test/packages/install.ts") : null;
  if (!(await succeeds("run", "check")))
    failures.push("npm run check: format, lint, types, conventions");
  if (!(await succeeds("build.ts", "--if-changed"))) failures.push("npm run build: the binary");
  await packages;
  const runs: Run[] = [];
  for (const ring of wanted) runs.push(await runRing(ring));
  // Once more at the end, the part of a long output that is kept if not all of it is.
  for (const failure of failures) console.error(`failed: ${failure}`);
  for (const { file, report } of runs.flatMap((run) => run.failedFiles))
    console.error(`failed: ${file}\n${report}`);
  const passed = runs.reduce((sum, run) => sum + run.passed, 0);
  const failed = runs.reduce((sum, run) => sum + run.failed, failures.length);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** The rings that a command line asks for. */
function ringsOf(args: readonly string[]): readonly Ring[] {
  const [first] = args;
  if (args.length === 0) return rings.fast;
  if (first !== "--all" && first !== "--ci") return [{ name: "chosen", args }];
  return rings[first === "--all" ? "all" : "ci"].filter((ring: Ring) => {
    if (ring.postgres === undefined || hasOldest()) return true;
    console.error("\nNo tests on PostgreSQL 14: npm has it for linux-x64 only.");
    return false;
  });
}

/** Processes that we have started end with us if we are asked to end. */
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

function runRing(ring: Ring): Promise<Run> {
  // One more than there are cores: many tests wait for processes and timers.
  const workers = Math.min(availableParallelism() + 1, workersMax);
  const isTimed = ring.name === rings.fast[0].name;
  if (isTimed && !existsSync(join(root, timings)))
    writeFileSync(join(root, timings), '{"version":1,"files":{}}');
  const timed = isTimed ? [`--timings=${timings}`, "--update-timings"] : [];
  return runTests(ring, [`--parallel=${workers}`, ...timed]);
}

async function runTests(ring: Ring, flags: readonly string[]): Promise<Run> {
  const command = ["test", ...flags, ...ring.args];
  const { postgres } = ring;
  const server = postgres === undefined ? "" : `PDOFLOW_TEST_POSTGRES=${postgres} `;
  console.error(`\n> ${server}bun ${command.join(" ")}`);
  const child = Bun.spawn([process.execPath, ...command], {
    cwd: root,
    env: environment(ring),
    stdio: ["ignore", "inherit", "pipe"],
  });
  const ended = codeOf(child);
  const run = runOf(child.pid);
  let said = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stderr) {
    process.stderr.write(bytes);
    said += decoder.decode(bytes, { stream: true });
  }
  const code = await ended;
  if (run) await untilGone(folderOf(run)); // its server, which the keeper stops
  const counted = tally(said, code);
  const files = failedFiles(said);
  if (counted.passed + counted.failed > 0) return { ...counted, failedFiles: files };
  console.error(`failed: bun ${command.join(" ")}: no test ran`);
  return { passed: 0, failed: 1, failedFiles: files };
}

/** The environment of the tests: without the developer's own databases. */
function environment({ postgres }: Ring): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !isDevelopersOwn(name));
  const colour = process.stderr.isTTY ? { FORCE_COLOR: "1" } : {};
  const other = { PDOFLOW_TEST_POSTGRES: postgres, PDOFLOW_TEST_DATABASE_URL: undefined };
  return { ...Object.fromEntries(kept), ...colour, ...(postgres !== undefined && other) };
}

async function untilGone(folder: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (existsSync(folder)) {
    if (performance.now() > giveUpAt) throw new Error(`${folder} should be gone. Remove it.`);
    await Bun.sleep(50);
  }
}

/**
 * The counts of `bun test`, from the end of its output and its exit code. Without such an end it
 * was cut short, which is a failure too.
 */
export function tally(printed: string, code: number): Tally {
  const plain = Bun.stripANSI(printed);
  const end = [...plain.matchAll(/((?:^ *\d+ [a-z() ]+\n)+)Ran \d+ tests? across/gm)].at(-1)?.[1];
  const count = (what: string) => {
    const lines = [...(end ?? "").matchAll(new RegExp(`^ *(\\d+) ${what}$`, "gm"))];
    return Number(lines.at(-1)?.[1] ?? 0);
  };
  // A file that does not load is counted as both, an error between tests only as the second.
  const failed = Math.max(count("fail"), count("errors?"));
  return { passed: count("pass"), failed: failed === 0 && code !== 0 ? 1 : failed };
}

/**
 * The files for which `bun test` reported a failure, in that order, with at most 100 lines of what
 * was printed since the last test that passed.
 */
export function failedFiles(printed: string): FailedFile[] {
  const [plain = ""] = Bun.stripANSI(printed).split(/^\d+ tests? failed:$/m); // all of them again
  const [, ...parts] = plain.split(/^(\S+\.test\.ts):$/m);
  const hasFailed = /^(?:\(fail\) |# Unhandled error|\S+ \S+\.test\.ts \(worker crashed)/m;
  const reports = new Map<string, string>();
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [file = "", printedOf = ""] = parts.slice(i, i + 2);
    const ofFailures = printedOf.split(/^\(pass\) .*\n/m).filter((part) => hasFailed.test(part));
    if (ofFailures.length === 0) continue;
    const lines = ofFailures.join("").trim().split("\n").slice(0, reportLines);
    reports.set(file, [reports.get(file) ?? [], ...lines].flat().join("\n"));
  }
  return [...reports].map(([file, report]) => ({ file, report }));
}
