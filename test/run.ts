// `npm test`: format, lint and types, the binary, then all tests in parallel. Arguments go to
// `bun test`. The last line is "N passed, N failed"; a check that fails counts as one failure.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { isDevelopersOwn } from "./environment.ts";
import { folderOf, runOf } from "./test-run.ts";

export interface Tally {
  passed: number;
  failed: number;
}

/** More would only wait for the one server that they share. */
const workersMax = 8;

const root = join(import.meta.dir, "..");

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const failures: string[] = [];
  if (!(await succeeds("run", "check"))) failures.push("npm run check: format, lint, types");
  if (!(await succeeds("build.ts", "--if-changed"))) failures.push("npm run build: the binary");
  const tests = await runTests(args);
  if (tests.passed + tests.failed === 0) failures.push(`bun test ${args.join(" ")}: no test ran`);
  for (const failure of failures) console.error(`failed: ${failure}`);
  const failed = tests.failed + failures.length;
  console.log(`${tests.passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs a command of Bun in our terminal. */
async function succeeds(...args: string[]): Promise<boolean> {
  console.error(`\n> bun ${args.join(" ")}`);
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return (await untilStopped(child)) === 0;
}

async function runTests(args: readonly string[]): Promise<Tally> {
  // One more than there are cores: many tests wait for processes and timers.
  const parallel = `--parallel=${Math.min(availableParallelism() + 1, workersMax)}`;
  console.error(`\n> bun test ${[parallel, ...args].join(" ")}`);
  const child = Bun.spawn([process.execPath, "test", parallel, ...args], {
    cwd: root,
    env: environment(),
    stdio: ["ignore", "inherit", "pipe"],
  });
  const run = runOf(child.pid);
  let said = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stderr) {
    process.stderr.write(bytes);
    said += decoder.decode(bytes, { stream: true });
  }
  const code = await untilStopped(child);
  if (run) await untilGone(folderOf(run)); // its server, which the keeper stops
  return tally(said, code);
}

/** The environment of the tests: without the developer's own databases. */
function environment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !isDevelopersOwn(name));
  const colour = process.stderr.isTTY ? { FORCE_COLOR: "1" } : {};
  return { ...Object.fromEntries(kept), ...colour };
}

/** Waits for `child`, which ends with us where we are asked to. */
async function untilStopped(child: Bun.Subprocess): Promise<number> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const stop = () => {
    child.kill("SIGTERM");
    process.exit(130);
  };
  for (const signal of signals) process.on(signal, stop);
  const code = await child.exited;
  for (const signal of signals) process.off(signal, stop);
  return code;
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
