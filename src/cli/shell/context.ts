import type { BaseContext, CommandClass } from "clipanion";

import type { StopSignal } from "../../domain/stop-signals.ts";

/** The process as main.ts passes it to commands, which read nothing else of it. */
export interface ProcessContext extends BaseContext {
  cwd: string;
  pid: number;
  uid: number;
  host: string;
  home: string;
  /** The name of the user who runs this process. */
  osUser: () => string;
  platform: string;
  cores: number;
  /** The command that starts this program again: the binary, or Bun and src/main.ts. */
  program: readonly string[];
  isTerminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** The width of the terminal; null if stdout is not one. */
  columns: number | null;
  /**
   * Calls back at each of the signals, SIGTERM, SIGINT and SIGHUP unless there are others, and with
   * SIGPIPE when the reader of stdout has gone, until the returned function is called.
   */
  onStopSignal: (listener: (signal: string) => void, signals?: readonly StopSignal[]) => () => void;
}

/** The context of a command. */
export interface CliContext extends ProcessContext {
  /** All commands, for help and completions. */
  commands: Commands;
  /** Runs another command line in this process, and returns its exit code. */
  runCommand: (args: readonly string[]) => Promise<number>;
}

/** The commands by name. Each is loaded when it is called. */
export type Commands = Readonly<Record<string, () => Promise<CommandClass<CliContext>[]>>>;
