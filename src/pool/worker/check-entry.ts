import { type EntryPoint, formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../../domain/errors.ts";
import { bunResolve } from "../entry/bun-resolve.ts";
import { provideLegacyDecorators } from "../entry/legacy-decorators.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { workerEnvironment } from "../wire/environment.ts";
import { type EntryFunction, loadEntryPoint } from "../entry/load-entry-point.ts";
import { provideVirtualPackage } from "./virtual-package.ts";

const heartbeatTimeoutMs = 60_000;

/** An entry point cannot be used: a process that tried to import it has failed. */
export class EntryPointUnusable extends PdoflowError {
  override readonly name = "EntryPointUnusable";
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode) {
    const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
    super(
      `${sentence} Nothing was posted. (--no-check posts without this check, for code that only ` +
        "the machines of the pools have.)",
    );
    this.exitCode = exitCode;
  }
}

/** What a process reports that imported user code. */
export interface ImportReport<T> {
  exitCode: ExitCode;
  message: string;
  /** What it found; undefined if it failed. */
  value?: T | undefined;
}

/**
 * Imports an entry point in a separate process, as a worker will; returns the number of parameters
 * of its function.
 *
 * @throws {EntryPointUnusable} with the reason and the exit code of the fault.
 */
export async function checkEntryPoint(
  program: readonly string[],
  env: Environment,
  root: string,
  entryPoint: EntryPoint,
): Promise<number> {
  const name = formatEntryPoint(entryPoint);
  const report = await importElsewhere<number>([...program, "check-entry", root, name], env, name);
  if (report.exitCode !== exitCodes.ok) {
    throw new EntryPointUnusable(report.message, report.exitCode);
  }
  return report.value ?? 0;
}

/**
 * The report of another process of this program that imports `name`. User code must not run in the
 * process that is about to post: it may end it, or print.
 */
export async function importElsewhere<T>(
  command: string[],
  env: Environment,
  name: string,
): Promise<ImportReport<T>> {
  const report = Promise.withResolvers<ImportReport<T>>();
  const child = Bun.spawn(command, {
    env: workerEnvironment(env, ["*"]), // the code belongs to the poster, and so do these
    stdin: "ignore",
    stdout: 2,
    stderr: "inherit",
    serialization: "json",
    ipc: (message: ImportReport<T>) => report.resolve(message),
    onExit: (_child, code, signal) => {
      const how = signal === null ? `exit code ${code}` : String(signal);
      const message = `${name}: its import ended the process (${how}).`;
      // Its messages came before its exit, or come within a moment.
      setTimeout(() => report.resolve({ exitCode: exitCodes.usage, message }), 200);
    },
  });
  const timer = setTimeout(() => {
    const message = `${name}: its import did not end within ${heartbeatTimeoutMs / 1000} seconds.`;
    report.resolve({ exitCode: exitCodes.usage, message });
  }, heartbeatTimeoutMs);
  const found = await report.promise;
  clearTimeout(timer);
  child.kill("SIGKILL");
  await child.exited;
  return found;
}

/** The side of the child: imports, and reports the result. */
export async function answerEntryCheck(
  root: string,
  entryPoint: string,
  api: Record<string, unknown>,
  answer: (check: ImportReport<number>) => void,
): Promise<void> {
  answer(await reportOf(root, entryPoint, api, (fn) => fn.length));
}

/** Imports an entry point; the report has what `read` makes of it. */
export async function reportOf<T>(
  root: string,
  entryPoint: string,
  api: Record<string, unknown>,
  read: (fn: EntryFunction) => T | Promise<T>,
): Promise<ImportReport<T>> {
  provideVirtualPackage(api);
  try {
    const fn = await loadEntryPoint(
      root,
      parseEntryPoint(entryPoint),
      bunResolve,
      provideLegacyDecorators,
    );
    return { exitCode: exitCodes.ok, message: "", value: await read(fn) };
  } catch (error) {
    if (error instanceof PdoflowError) return { exitCode: error.exitCode, message: error.message };
    return { exitCode: exitCodes.bug, message: Bun.inspect(error) };
  }
}
