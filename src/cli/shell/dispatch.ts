import { exitCodes } from "../../domain/errors.ts";
import { build } from "../../version.ts";
import { rewriteWords } from "./command-words.ts";
import type { CliContext } from "./context.ts";
import { errorLine, UsageError } from "./error-text.ts";
import { helpPage, overviewPage, shortHelpPage } from "./help.ts";
import { type ProcessedWords, processWords } from "./process-words.ts";
import { allCommandTexts, commandTexts } from "./reference.ts";
import { unknownCommand } from "./wrong-usage.ts";

/** Commands of the Python original that have other names here. */
export const pythonNames: ReadonlyMap<string, readonly string[]> = new Map([
  ["list-postings", ["list", "--all"]],
  ["posting-status", ["status"]],
]);

/** Runs a command line and returns the exit code. Wrong usage is reported on stderr. */
export async function dispatch(args: readonly string[], context: CliContext): Promise<number> {
  const { commands } = context;
  const given = args[0] === "help" ? [...args.slice(1), "--help"] : args;
  const line = [...(pythonNames.get(given[0] ?? "") ?? given.slice(0, 1)), ...given.slice(1)];
  const [word = "--help"] = line;
  const columns = context.isTerminal.stdout ? (context.columns ?? undefined) : undefined;
  if (["--help", "-h", "--help-all"].includes(word)) {
    context.stdout.write(overviewPage(build, await allCommandTexts(commands), columns));
    return exitCodes.ok;
  }
  const isJson = line.includes("--json");
  const refuse = (error: UsageError) => {
    context.stderr.write(errorLine(error, [], isJson));
    return error.exitCode;
  };
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (!load) return refuse(new UsageError(unknownCommand(word, Object.keys(commands))));
  const classes = await load();
  const texts = classes.flatMap(commandTexts);
  const words = rewriteWords(line, texts[0]?.options ?? []);
  if (isForHelp(words)) {
    const named = texts.filter(({ name }) => name === line.slice(0, 2).join(" "));
    const wanted = named.length === 0 ? texts : named;
    const page = words.includes("--help-all") ? helpPage : shortHelpPage;
    context.stdout.write(wanted.map((text) => page(text, columns)).join("\n"));
    return exitCodes.ok;
  }
  let processed: ProcessedWords;
  try {
    processed = processWords(classes, texts, { words, context });
  } catch (error) {
    if (error instanceof UsageError) return refuse(error);
    throw error;
  }
  return await processed.cli.run(processed.command, context);
}

/** Whether a command line asks for help. Words after -- belong to another program. */
export function isForHelp(line: readonly string[]): boolean {
  const end = line.indexOf("--");
  const own = end < 0 ? line : line.slice(0, end);
  return ["--help", "-h", "--help-all"].some((word) => own.includes(word));
}
