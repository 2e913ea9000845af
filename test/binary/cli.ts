import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary } from "../binary.ts";

export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** A folder for one test, with `pdoflow` and a database. */
export interface CommandLine extends Disposable {
  folder: string;
  /** The environment of a command. */
  env: Record<string, string>;
  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ended>;
  runWith(
    options: { input?: string; env?: Record<string, string>; cwd?: string },
    ...args: string[]
  ): Promise<Ended>;
  write(name: string, text: string): Promise<void>;
}

/** The compiled binary. */
export interface Cli extends CommandLine {
  /** The binary, for a test that starts it in its own way. */
  command: string[];
  /** Starts the binary and returns while it runs. */
  start(...args: string[]): Bun.Subprocess<"ignore", "pipe", "pipe">;
}

/** The variables of a user's shell, and none of the developer's PG variables. */
export function environment(url: string | null): Record<string, string> {
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "",
    HOME: tmpdir(),
    TZ: "UTC",
  };
  if (url !== null) env["PDOFLOW_DATABASE_URL"] = url;
  return env;
}

export async function openCli(db: { url: string } | null): Promise<Cli> {
  const program = await binary();
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-cli-"));
  const env = environment(db?.url ?? null);
  const runWith: Cli["runWith"] = async (options, ...args) => {
    const child = Bun.spawn([program, ...args], {
      cwd: options.cwd ?? folder,
      env: { ...env, ...options.env },
      stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { code, out, err };
  };
  return {
    folder,
    command: [program],
    env,
    runWith,
    run: (...args) => runWith({}, ...args),
    start: (...args) =>
      Bun.spawn([program, ...args], {
        cwd: folder,
        env,
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      }),
    write: async (name, text) => void (await Bun.write(join(folder, name), text)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Reads stderr of a command until it contains `text`. */
export async function said(child: { stderr: AsyncIterable<Uint8Array> }, text: string) {
  const decoder = new TextDecoder();
  let all = "";
  for await (const bytes of child.stderr) {
    all += decoder.decode(bytes, { stream: true });
    if (all.includes(text)) return;
  }
  throw new Error(`expected "${text}", it said only:\n${all}`);
}

/** Waits until `look` gives something, asking every 20 ms; gives up after `deadlineMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  deadlineMs = 50_000,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await Bun.sleep(20);
  }
}
