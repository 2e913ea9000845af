import type { BaseContext, CommandClass } from "clipanion";

/** What main.ts knows of the process; commands read nothing else of it. */
export interface ProcessContext extends BaseContext {
  cwd: string;
  pid: number;
  uid: number;
  host: string;
  home: string;
  /** The name of the user that this runs as. */
  osUser: () => string;
  platform: string;
  cores: number;
  /** The command that starts this program again: the binary, or Bun and src/main.ts. */
  program: readonly string[];
  isTerminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** How wide the terminal is, where stdout is one. */
  columns: number | null;
  /**
   * Calls back at each SIGTERM, SIGINT or SIGHUP, and with SIGPIPE where nobody reads stdout any
   * more, until the returned function is called.
   */
  onStopSignal: (listener: (signal: string) => void) => () => void;
}

/** What commands get. */
export interface CliContext extends ProcessContext {
  /** All commands, for those that describe the others. */
  commands: Commands;
  /** Runs another command line in this process, and returns its exit code. */
  runCommand: (args: readonly string[]) => Promise<number>;
}

/** The commands, each loaded only when it is asked for: a status line should not load a pool. */
export type Commands = Readonly<Record<string, () => Promise<CommandClass<CliContext>[]>>>;
