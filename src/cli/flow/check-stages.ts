import { resolve } from "node:path";

import { formatEntryPoint } from "../../domain/entry-point.ts";
import { InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { checkEntryPoint } from "../../pool/worker/check-entry.ts";
import { checkProgram } from "../input/program-check.ts";
import { pluralize } from "../output/pluralize.ts";
import type { CliContext } from "../shell/context.ts";
import { FlowFileInvalid } from "./flow-fault.ts";
import type { FileStage, FlowFile } from "./flow-file.ts";
import { stageCommand } from "./stage-command.ts";

interface StageCheck {
  context: CliContext;
  /** Whether to import the code of the entry points. */
  imports: boolean;
}

/** Whether the jobs of a stage are made of its own arguments, not of the results of another. */
export const hasOwnJobs = ({ references }: FileStage): boolean =>
  references.every(({ option }) => option.startsWith("after"));

/**
 * Checks the options, files and code of all stages, before the first one is posted.
 *
 * @throws {FlowFileInvalid} with all problems.
 */
export async function checkStages(flow: FlowFile, check: StageCheck): Promise<void> {
  const problems: string[] = [];
  const checked = new Map<string, Promise<number>>();
  for (const stage of flow.stages) {
    const place = (key: string) => flow.placeOf(["stage", stage.name, key]);
    try {
      await checkStage(flow, stage, check, checked);
    } catch (error) {
      if (!(error instanceof PdoflowError)) throw error;
      problems.push(`${place(optionIn(error.message, stage))}: ${stage.name}: ${shown(error)}`);
    }
  }
  if (problems.length > 0) throw new FlowFileInvalid(problems);
}

/** The key of a stage that a message is about. */
function optionIn(message: string, { options, files }: FileStage): string {
  const [, option] = /--([a-z][a-z-]*)/.exec(message) ?? [];
  if (option !== undefined && options.has(option)) return option;
  if (files.some((file) => message.includes(file))) return "file";
  const glob = options.get("from-glob")?.some((word) => message.includes(word.split("=")[1] ?? ""));
  return glob === true ? "from-glob" : "run";
}

/** Nothing was posted of the whole flow, which is said once. */
const shown = ({ message }: PdoflowError) => message.replaceAll(" Nothing was posted.", "");

async function checkStage(
  flow: FlowFile,
  stage: FileStage,
  { context, imports }: StageCheck,
  checked: Map<string, Promise<number>>,
): Promise<void> {
  const note = () => {};
  // Numbers of postings are known when the stages before were posted.
  const command = stageCommand(stage, { flow: flow.name, idOf: () => 1, context, note });
  const { entryPoint, files } = command.parseWork();
  command.newPosting(entryPoint);
  const isBare = hasOwnJobs(stage) && (await command.openSources(files)).isBare;
  if (!imports) return;
  const root = resolve(context.cwd, command.root ?? ".");
  if (command.isCommand) return checkProgram(command.command, root, context.env["PATH"] ?? "");
  const text = formatEntryPoint(entryPoint);
  const key = `${root}\n${text}`;
  const check = checked.get(key) ?? checkEntryPoint(context.program, context.env, root, entryPoint);
  checked.set(key, check);
  const parameters = await check;
  if (!isBare || parameters === 0) return;
  throw new InvalidInput("run", [
    `${text} takes ${pluralize(parameters, "argument")}: expected file, args, kw, each or ` +
      "from-glob; or no-args = true for a job without",
  ]);
}
