import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";

import { run } from "../../src/cli/commands.ts";
import { osUser } from "../../src/db/settings/os-user.ts";
import type { ProcessContext } from "../../src/cli/shell/context.ts";
import { type CommandLine, type Ended, environment } from "../binary/cli.ts";

/** Workers and other processes of a command run from source. */
export const program = [process.execPath, join(import.meta.dir, "../../src/main.ts")];

/** A command that runs in this process. */
export interface Started {
  /** Its output, while it runs. */
  stdout: AsyncIterable<Uint8Array>;
  stderr: AsyncIterable<Uint8Array>;
  /** Its exit code. */
  exited: Promise<number>;
  /** Calls the signal handlers of the command. */
  kill(signal: "SIGINT" | "SIGTERM"): void;
}

/** Commands that run in this process. */
export interface Commands extends CommandLine {
  /** Starts a command and returns while it runs. */
  start(...args: string[]): Started;
  startWith(options: RunOptions, ...args: string[]): Started;
  runWith(options: RunOptions, ...args: string[]): Promise<Ended>;
}

interface RunOptions {
  input?: string;
  env?: Record<string, string>;
  cwd?: string;
  /** Whether standard input is a terminal, at which nobody types. */
  isTyped?: boolean;
  /** The width of the terminal that standard output is. */
  columns?: number;
}

/**
 * A folder for one test, in which commands run in this process. Use `openCli` for tests of the
 * process itself: its signals, terminal, memory and exit, and the frames of its workers.
 */
export async function openCommands(db: { url: string } | null): Promise<Commands> {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-commands-"));
  const env = environment(db?.url ?? null);
  const begin = (options: RunOptions, args: string[]) => {
    const [stdout, stderr] = [new Captured(), new Captured()];
    const signals = new Set<(signal: string) => void>();
    const input = options.input === undefined ? [] : [Buffer.from(options.input)];
    const context = {
      ...processOf({ ...env, ...options.env }),
      stdin: Readable.from(input),
      stdout,
      stderr,
      cwd: options.cwd ?? folder,
      isTerminal: {
        stdin: options.isTyped === true,
        stdout: options.columns !== undefined,
        stderr: false,
      },
      columns: options.columns ?? null,
      onStopSignal: (listener: (signal: string) => void) => {
        signals.add(listener);
        return () => void signals.delete(listener);
      },
    };
    const exited = run(args, context).finally(() => {
      stdout.end();
      stderr.end();
    });
    const kill = (signal: string) => {
      for (const listener of signals) listener(signal);
    };
    return { stdout, stderr, exited, kill };
  };
  const startWith: Commands["startWith"] = (options, ...args) => {
    const { stdout, stderr, exited, kill } = begin(options, args);
    return { stdout: stdout.parts(), stderr: stderr.parts(), exited, kill };
  };
  const runWith: Commands["runWith"] = async (options, ...args) => {
    const { stdout, stderr, exited } = begin(options, args);
    const code = await exited;
    return { code, out: stdout.text, err: stderr.text };
  };
  return {
    folder,
    env,
    startWith,
    start: (...args) => startWith({}, ...args),
    runWith,
    run: (...args) => runWith({}, ...args),
    write: async (name, text) => void (await Bun.write(join(folder, name), text)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What `main.ts` reads of its process, without a terminal, and with `env` alone of ours. */
function processOf(
  env: Record<string, string>,
): Omit<ProcessContext, "stdin" | "stdout" | "stderr" | "onStopSignal"> {
  return {
    env,
    cwd: "/",
    colorDepth: 1,
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    host: hostname(),
    home: env["HOME"] ?? "",
    osUser,
    platform: process.platform,
    cores: 1, // each worker process costs 0.1 s of CPU time; tests of several say so
    program,
    isTerminal: { stdin: false, stdout: false, stderr: false },
    columns: null,
  };
}

/** The whole output of a started command. */
export async function textOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(parts)).toString();
}

/** Keeps the written text, for readers that begin at any time. */
class Captured extends Writable {
  readonly #parts: Buffer[] = [];
  #more = Promise.withResolvers<void>();

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.#parts.push(part);
    this.#wake();
    done();
  }

  override _final(done: () => void): void {
    this.#wake();
    done();
  }

  /** All parts from the first one on, until the end. */
  async *parts(): AsyncGenerator<Uint8Array> {
    for (let i = 0; ;) {
      const more = this.#more.promise;
      const part = this.#parts[i];
      if (part) {
        i++;
        yield part;
      } else if (this.writableFinished || this.writableEnded) return;
      else await more;
    }
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}
