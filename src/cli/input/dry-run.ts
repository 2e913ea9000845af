import type { JobBatch } from "../../db/posting/batches.ts";
import { type ExitCode, exitCodes, NothingToPost } from "../../domain/errors.ts";
import type { Sweep } from "../../domain/sweep.ts";
import { commandLine, type CommandWord } from "../../pool/worker/command-line.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { pluralize } from "../output/pluralize.ts";
import type { PdoflowCommand } from "../shell/command.ts";

/** The number of calls that a dry run shows; of commands it shows all. */
const callsShown = 3;

/** A command that posts. */
interface DryRunner extends PdoflowCommand {
  dryRun: boolean;
  isCommand: boolean;
  name?: string | undefined;
}

/** Reads all jobs as posting would, and prints the first calls, or all commands. */
export async function dryRun(
  command: DryRunner,
  jobs: AsyncIterable<JobBatch>,
  { entryPoint, sweep, source }: { entryPoint: string; sweep: Sweep | null; source: string },
): Promise<ExitCode> {
  const { isCommand, json } = command;
  const textOf = isCommand ? commandText : (args: string) => callText(entryPoint, args);
  const isShown = command.dryRun;
  const first: string[] = [];
  let jobCount = 0;
  for await (const { args } of jobs) {
    const most = isCommand && !json ? args.length : callsShown - first.length;
    const texts = isShown ? args.slice(0, most).map(textOf) : [];
    first.push(...texts.slice(0, callsShown - first.length));
    if (!json && texts.length > 0) await command.printInPace(`${texts.join("\n")}\n`);
    jobCount += args.length;
    if (sweep && jobCount >= callsShown) break;
  }
  if (sweep) jobCount = sweep.size;
  if (jobCount === 0) throw new NothingToPost(source);
  if (json) {
    const posted = {
      id: null,
      jobCount,
      isNew: false,
      calls: first,
      waitsFor: [],
      isBlocked: false,
    };
    command.printJson(outputSchemas.post, { entryPoint, name: command.name ?? null, ...posted });
  }
  const more = isShown && !isCommand && jobCount > first.length ? " (the first are above)" : "";
  const what = isCommand ? "" : ` for ${entryPoint}`;
  command.say(`checked ${pluralize(jobCount, "job")}${what}${more}; nothing was posted`);
  return exitCodes.ok;
}

/** A call as source code. `args` is a list or an object, as JSON text. */
const callText = (entryPoint: string, args: string): string =>
  `${entryPoint}(${args.startsWith("[") ? args.slice(1, -1) : args})`;

const commandText = (args: string): string => commandLine(JSON.parse(args) as CommandWord[]);
