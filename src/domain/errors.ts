/** What a process of pdoflow exits with. Documented in README.md; scripts rely on it. */
export const exitCodes = {
  ok: 0,
  /** Everything worked, and jobs failed. */
  jobsFailed: 1,
  /** The command line, or what it was given to read, is wrong. */
  usage: 2,
  /** The database could not be reached, refused us, or has the wrong schema. */
  database: 3,
  /** Something that was named does not exist: a posting, a job, a file, an export. */
  notFound: 4,
  /** A fault of pdoflow itself. */
  bug: 70,
  /** The system could not start a worker process. */
  system: 71,
  /** What it printed could not be written: a full disk, or standard output is closed. */
  output: 74,
  /** The time that was given for it is over, as `timeout` has it. */
  timedOut: 124,
  /** Ended by SIGINT, because nobody reads its output, and by SIGTERM, as shells have it. */
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * An error that a user can do something about: its message says what was expected, what was
 * found and what to do. Each subclass is one situation and spells its `name`, because the
 * binary is minified.
 */
export abstract class PdoflowError extends Error {
  abstract override readonly name: string;
  abstract readonly exitCode: ExitCode;
}

/** @internal Something from outside has the wrong shape. `problems` has a line for each fault. */
export class InvalidInput extends PdoflowError {
  override readonly name = "InvalidInput";
  readonly exitCode = exitCodes.usage;
  readonly problems: readonly string[];
  constructor(what: string, problems: readonly string[]) {
    super(`${what}: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/** @internal A posting without jobs was asked for. */
export class NothingToPost extends PdoflowError {
  override readonly name = "NothingToPost";
  readonly exitCode = exitCodes.usage;
  constructor(source: string) {
    super(`${source} holds no jobs: expected at least one list of arguments. Nothing was posted.`);
  }
}
