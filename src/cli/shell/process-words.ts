import { Cli, type Command, type CommandClass } from "clipanion";

import { messageOf } from "../../domain/errors.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./error-text.ts";
import type { CommandText } from "./reference.ts";
import { wrongUsage } from "./wrong-usage.ts";

/** A command line that its command has parsed. */
export interface ProcessedWords {
  cli: Cli<CliContext>;
  command: Command<CliContext>;
}

/**
 * Parses a command line, as `rewriteWords` returns it, with the commands that it can mean.
 *
 * @throws {UsageError}
 */
export function processWords(
  classes: readonly CommandClass<CliContext>[],
  texts: readonly CommandText[],
  { words, context }: { words: string[]; context: CliContext },
): ProcessedWords {
  const cli = Cli.from<CliContext>([...classes], { binaryName: "pdoflow", enableColors: false });
  try {
    return { cli, command: cli.process(words, context) };
  } catch (error) {
    throw new UsageError(wrongUsage(words, reasonOf(error), texts));
  }
}

/** The first line of clipanion's message; its usage lines are replaced by ours. */
const reasonOf = (error: unknown): string => messageOf(error).split("\n")[0] ?? "";
