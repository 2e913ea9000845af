import { type EntryPoint, formatEntryPoint, parseEntryPoint } from "../../domain/entry-point.ts";
import { exitCodes, type ExitCode, PdoflowError } from "../../domain/errors.ts";
import { bunResolve } from "../entry/bun-resolve.ts";
import { provideLegacyDecorators } from "../entry/legacy-decorators.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { workerEnvironment } from "../wire/environment.ts";
import { loadEntryPoint } from "../entry/load-entry-point.ts";
import { provideVirtualPackage } from "./virtual-package.ts";

const heartbeatTimeoutMs = 60_000;

/** An entry point cannot be used: a process that tried to import it has failed. */
export class EntryPointUnusable extends PdoflowError {
  override readonly name = "EntryPointUnusable";
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode) {
    super(
      `${message} Nothing was posted. (--no-check posts without this check, for code that only ` +
        "the machines of the pools have.)",
    );
    this.exitCode = exitCode;
  }
}

interface EntryCheck {
  exitCode: ExitCode;
  message: string;
  /** The number of parameters of the function. */
  parameters?: number;
}

/**
 * Imports an entry point in a separate process, as a worker will; returns the number of parameters
 * of its function.
 * User code must not run in the process that is about to post: it may end it, or print.
 *
 * @throws {EntryPointUnusable} with the reason and the exit code of the fault.
 */
export async function checkEntryPoint(
  program: readonly string[],
  env: Environment,
  root: string,
  entryPoint: EntryPoint,
): Promise<number> {
  const check = Promise.withResolvers<EntryCheck>();
  const name = formatEntryPoint(entryPoint);
  const child = Bun.spawn([...program, "check-entry", root, name], {
    env: workerEnvironment(env, ["*"]), // the code belongs to the poster, and so do these
    stdin: "ignore",
    stdout: 2,
    stderr: "inherit",
    serialization: "json",
    ipc: (message: EntryCheck) => check.resolve(message),
    onExit: (_child, code, signal) => {
      const how = signal === null ? `exit code ${code}` : String(signal);
      const message = `${name}: its import ended the process (${how}).`;
      // Its messages came before its exit, or come within a moment.
      setTimeout(() => check.resolve({ exitCode: exitCodes.usage, message }), 200);
    },
  });
  const timer = setTimeout(() => {
    const message = `${name}: its import did not end within ${heartbeatTimeoutMs / 1000} seconds.`;
    check.resolve({ exitCode: exitCodes.usage, message });
  }, heartbeatTimeoutMs);
  const { exitCode, message, parameters = 0 } = await check.promise;
  clearTimeout(timer);
  child.kill("SIGKILL");
  await child.exited;
  if (exitCode !== exitCodes.ok) throw new EntryPointUnusable(message, exitCode);
  return parameters;
}

/** The side of the child: imports, and reports the result. */
export async function answerEntryCheck(
  root: string,
  entryPoint: string,
  api: Record<string, unknown>,
  answer: (check: EntryCheck) => void,
): Promise<void> {
  provideVirtualPackage(api);
  try {
    const fn = await loadEntryPoint(
      root,
      parseEntryPoint(entryPoint),
      bunResolve,
      provideLegacyDecorators,
    );
    answer({ exitCode: exitCodes.ok, message: "", parameters: fn.length });
  } catch (error) {
    if (error instanceof PdoflowError) answer({ exitCode: error.exitCode, message: error.message });
    else answer({ exitCode: exitCodes.bug, message: Bun.inspect(error) });
  }
}
