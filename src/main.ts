import { createReadStream, fstatSync, readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { Writable } from "node:stream";

import type { ProcessContext } from "./cli/shell/context.ts";
import type { Share } from "./domain/ledger.ts";
import type { WorkerUser } from "./pool/run/confinement.ts";
import type { JobToExecute } from "./pool/worker/execute-job.ts";
import { exitCodes, hasCode } from "./domain/errors.ts";
import { type StopSignal, stopSignalNames } from "./domain/stop-signals.ts";
import { osUser } from "./db/settings/os-user.ts";

// If the event loop runs empty before the end, that is not a success.
process.exitCode = exitCodes.bug;

const args = process.argv.slice(2);
// Not the path of the binary, but the path by which the system knows the running one: a pool
// continues when the file was replaced by a newer version.
const binary = process.platform === "linux" ? "/proc/self/exe" : process.execPath;
const program = Bun.isStandaloneExecutable ? [binary] : [process.execPath, import.meta.filename];

/** O_CLOEXEC of Linux, on all machines that Bun runs on. */
const closeOnExec = 0o2000000;

/** Commands that end in their own way when nobody reads stdout any more. */
const stopListeners = new Set<(signal: string) => void>();

switch (args[0]) {
  case "worker":
    await work(args);
    break;
  case "guard":
    await guard();
    break;
  case "check-entry":
    await checkEntry(args[1] ?? "", args[2] ?? "");
    break;
  case "describe-flow":
    await describeFlow(args.slice(1));
    break;
  case "execute":
    await execute(args[1] ?? "");
    break;
  case "pool":
    keepMemory();
    await command();
    break;
  default:
    await command();
}

/** A worker process: `pdoflow worker ROOT WHAT SHARE NOTIFY [USER]`, only started by a pool. */
async function work([, root = "", what, profiles, notifyFrom, user]: string[]): Promise<void> {
  const [{ runWorker }, { becomeUser }, api] = await Promise.all([
    import("./pool/worker/worker.ts"),
    import("./pool/run/confinement.ts"),
    import("./index.ts"),
  ]);
  leaveWithParent();
  // Ends the process only after these last words are written: exit alone would lose them.
  const send = process.send?.bind(process); // user code may replace it
  const exit = process.exit.bind(process);
  const fail = (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send?.({ kind: "broken", error: text.slice(0, 8_192) }, undefined, undefined, () => exit(1));
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  const share = process.env["PDOFLOW_RESOURCES"];
  runWorker({
    root,
    runsCommands: what === "commands",
    notifyFrom: notifyFrom || null,
    slot: process.env["PDOFLOW_SLOT"] ?? "1",
    share: share === undefined ? null : (JSON.parse(share) as Share),
    profiles: Number(profiles ?? 0),
    confine: () => {
      if (user !== undefined) becomeUser(JSON.parse(user) as WorkerUser);
    },
    api,
    host: process,
    send: (message) => send?.(message),
    onMessage: (listener) => process.on("message", listener),
  });
}

/** Beside a pool: `pdoflow guard`, only started by a pool; ends when the pool has ended. */
async function guard(): Promise<void> {
  const { runGuard } = await import("./pool/run/guard.ts");
  for (const signal of stopSignalNames) process.on(signal, () => {});
  await runGuard(Bun.stdin.stream());
  process.exit(exitCodes.ok);
}

async function checkEntry(root: string, entryPoint: string): Promise<void> {
  const [{ answerEntryCheck }, api] = await Promise.all([
    import("./pool/worker/check-entry.ts"),
    import("./index.ts"),
  ]);
  leaveWithParent();
  await answerEntryCheck(root, entryPoint, api, (check) => process.send?.(check));
}

async function describeFlow(words: readonly string[]): Promise<void> {
  const [{ answerDescribeFlow }, api] = await Promise.all([
    import("./pool/worker/describe-flow.ts"),
    import("./index.ts"),
  ]);
  leaveWithParent();
  await answerDescribeFlow(words, api, (report) => process.send?.(report));
}

/** The process of the one job of a `pdoflow execute-job`. */
async function execute(root: string): Promise<void> {
  const [{ answerExecute }, api] = await Promise.all([
    import("./pool/worker/execute-job.ts"),
    import("./index.ts"),
  ]);
  leaveWithParent();
  const receive = <T>() => new Promise<T>((resolve) => process.once("message", resolve));
  const send = process.send?.bind(process); // user code may replace it
  const parent = { send: (request: object) => void send?.(request), receive };
  const ended = await answerExecute(root, await receive<JobToExecute>(), api, parent);
  send?.(ended, undefined, undefined, () => process.exit(exitCodes.ok));
}

function leaveWithParent(): void {
  // Set for this process alone, because children of jobs may outlive it.
  delete process.env["BUN_FEATURE_FLAG_NO_ORPHANS"];
  const exit = process.exit.bind(process);
  process.on("disconnect", () => exit(0));
}

/**
 * Replaces this process by the same program with an allocator that returns no memory to the system:
 * a pool frees and allocates the same memory with each batch, and page faults would take a third of
 * its time. The setting is only read at the start of a process.
 */
function keepMemory(): void {
  const [file = ""] = program;
  if (process.env["MIMALLOC_PURGE_DELAY"] !== undefined) return;
  const env = { ...process.env, MIMALLOC_PURGE_DELAY: "-1" };
  process.execve?.(file, ["pdoflow", ...program.slice(1), ...args], env);
}

async function command(): Promise<void> {
  if (process.pid === 1) {
    const { actAsFirstProcess } = await import("./pool/machine/first-process.ts");
    actAsFirstProcess((code) => process.exit(code));
  }
  const stdout = wasClosed(1) ? closedStdout() : process.stdout;
  let lost: number | null = null;
  stdout.on("error", (error) => {
    if (lost !== null) return;
    const isGone = hasCode(error, "EPIPE"); // `| head` is done
    lost = isGone ? exitCodes.brokenPipe : exitCodes.output;
    if (!isGone) process.stderr.write(`pdoflow: cannot write the output: ${error.message}\n`);
    if (stopListeners.size === 0) process.exit(lost);
    for (const listener of stopListeners) listener("SIGPIPE");
  });
  // A pool continues when the reader of its messages is gone.
  process.stderr.on("error", () => {});
  const { run } = await import("./cli/commands.ts");
  const env = { ...process.env };
  // postgres.js reads some of them itself, and differently from libpq.
  for (const name of Object.keys(env)) if (/^PG[A-Z_]+$/.test(name)) delete process.env[name];
  const context: ProcessContext = {
    env,
    cwd: process.cwd(),
    stdin: isFile(0) ? createReadStream("", { fd: 0, autoClose: false }) : process.stdin,
    stdout,
    stderr: process.stderr,
    colorDepth: 1,
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    host: hostname(),
    home: env["HOME"] ?? "",
    osUser,
    platform: process.platform,
    cores: availableParallelism(),
    program,
    isTerminal: {
      stdin: process.stdin.isTTY === true,
      stdout: process.stdout.isTTY === true,
      stderr: process.stderr.isTTY === true,
    },
    columns: process.stdout.columns ?? process.stderr.columns ?? null,
    onStopSignal,
  };
  const code = await run(args, context);
  // The last write calls back after everything that was written before it. A failed write is
  // reported a turn later.
  stdout.write("", () => setImmediate(() => process.exit(lost ?? code)));
}

/**
 * Whether this process was started without a file, as with `>&-`. Bun has then opened /dev/null in
 * its place, which is closed on exec, unlike inherited files.
 */
function wasClosed(file: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${file}`, "utf8");
    return (Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? "0", 8) & closeOnExec) !== 0;
  } catch {
    return false; // there is no /proc
  }
}

/** Bun's stdin reads a file from its beginning, even if the shell has read some of it before. */
function isFile(file: number): boolean {
  try {
    return fstatSync(file).isFile();
  } catch {
    return false; // it was closed
  }
}

function closedStdout(): Writable {
  return new Writable({
    write(bytes: Uint8Array, _encoding, done) {
      done(bytes.length === 0 ? null : new Error("standard output is closed"));
    },
  });
}

function onStopSignal(
  listener: (signal: string) => void,
  signals: readonly StopSignal[] = ["SIGTERM", "SIGINT", "SIGHUP"],
): () => void {
  for (const signal of signals) process.on(signal, listener);
  stopListeners.add(listener);
  return () => {
    stopListeners.delete(listener);
    for (const signal of signals) process.off(signal, listener);
  };
}
