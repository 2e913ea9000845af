import { type EntryPoint, formatEntryPoint } from "../../domain/entry-point.ts";
import { type ExitCode, exitCodes, messageOf, PdoflowError } from "../../domain/errors.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { type ImportReport, importElsewhere, reportOf } from "./check-entry.ts";

/** A program does not describe a flow. */
class FlowNotDescribed extends PdoflowError {
  override readonly name = "FlowNotDescribed";
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode) {
    super(`${message} Nothing was posted.`);
    this.exitCode = exitCode;
  }
}

/**
 * Calls a function that describes a flow, with settings by name, in a separate process.
 *
 * @throws {FlowNotDescribed}
 */
export async function describeFlow(
  program: readonly string[],
  env: Environment,
  { root, entryPoint, settings }: FlowProgram,
): Promise<unknown> {
  const name = formatEntryPoint(entryPoint);
  const command = [...program, "describe-flow", root, name, JSON.stringify(settings)];
  const { exitCode, message, value } = await importElsewhere<string>(command, env, name);
  if (exitCode !== exitCodes.ok) throw new FlowNotDescribed(message, exitCode);
  return JSON.parse(value ?? "null") as unknown;
}

interface FlowProgram {
  root: string;
  entryPoint: EntryPoint;
  settings: Readonly<Record<string, string>>;
}

/** The side of the child. */
export async function answerDescribeFlow(
  [root = "", entryPoint = "", settings = "{}"]: readonly string[],
  api: Record<string, unknown>,
  answer: (report: ImportReport<string>) => void,
): Promise<void> {
  const report = await reportOf(root, entryPoint, api, async (fn) => {
    try {
      return JSON.stringify(await fn(JSON.parse(settings))) ?? "null";
    } catch (error) {
      throw new FlowNotDescribed(`${entryPoint}: it threw: ${messageOf(error)}.`, exitCodes.usage);
    }
  });
  answer(report);
}
