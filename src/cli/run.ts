import { Builtins, Cli, Command, type CommandClass } from "clipanion";

import { exitCodes } from "../domain/errors.ts";
import { build } from "../version.ts";
import type { CliContext } from "./command.ts";
import { usageLine } from "./error-text.ts";

/** The commands, each loaded only when it is asked for: a status line should not load a pool. */
const commands: Readonly<Record<string, () => Promise<CommandClass<CliContext>[]>>> = {
  cancel: async () => [(await import("./control.ts")).CancelCommand],
  depth: async () => [(await import("./list.ts")).DepthCommand],
  demo: async () => [(await import("./demo.ts")).DemoCommand],
  down: async () => [(await import("./up.ts")).DownCommand],
  drain: async () => [(await import("./control.ts")).DrainCommand],
  explain: async () => [(await import("./explain.ts")).ExplainCommand],
  failures: async () => [(await import("./failures.ts")).FailuresCommand],
  list: async () => [(await import("./list.ts")).ListCommand],
  migrate: async () => [(await import("./migrate.ts")).MigrateCommand],
  pause: async () => [(await import("./control.ts")).PauseCommand],
  pool: async () => [(await import("./pool.ts")).PoolCommand],
  pools: async () => [(await import("./list.ts")).PoolsCommand],
  post: async () => [(await import("./post.ts")).PostCommand],
  prune: async () => [(await import("./prune.ts")).PruneCommand],
  resume: async () => [(await import("./control.ts")).ResumeCommand],
  retry: async () => [(await import("./failures.ts")).RetryCommand],
  run: async () => [(await import("./run-command.ts")).RunCommand],
  status: async () => [(await import("./status.ts")).StatusCommand],
  up: async () => [(await import("./up.ts")).UpCommand],
  wait: async () => [(await import("./wait.ts")).WaitCommand],
};

/** Not clipanion's own: that binds -v too, which people expect to be verbose. */
class VersionCommand extends Command<CliContext> {
  static override paths = [["--version"]];
  async execute() {
    this.context.stdout.write(`${build}\n`);
  }
}

/** Runs one command line and returns the exit code. Wrong usage is told on stderr. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const cli = new Cli<CliContext>({
    binaryLabel: "pdoflow: a job queue for batch compute on PostgreSQL",
    binaryName: "pdoflow",
    binaryVersion: build,
    enableColors: context.isTerminal.stdout && !context.env["NO_COLOR"],
  });
  const line = args.length === 0 ? ["--help"] : [...args];
  const named = commands[line[0] ?? ""];
  const wanted = named ? [named] : Object.values(commands);
  for (const load of wanted) for (const command of await load()) cli.register(command);
  cli.register(Builtins.HelpCommand);
  cli.register(VersionCommand);
  try {
    const command = cli.process(line, context);
    return await cli.run(command, context);
  } catch (error) {
    const isJson = line.includes("--json") && error instanceof Error;
    context.stderr.write(isJson ? usageLine(error.message) : cli.error(error));
    return exitCodes.usage;
  }
}
