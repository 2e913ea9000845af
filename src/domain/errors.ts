/** The exit codes of pdoflow. They are documented in README.md, and scripts rely on them. */
export const exitCodes = {
  ok: 0,
  /** The command worked, but jobs failed. */
  jobsFailed: 1,
  /** The command line or its input is wrong. */
  usage: 2,
  /** The database cannot be reached, refused the connection, or has the wrong schema. */
  database: 3,
  /** A posting, job, file or export does not exist. */
  notFound: 4,
  /** A bug in pdoflow. */
  bug: 70,
  /** The system could not start a worker process. */
  system: 71,
  /** The output could not be written: the disk is full or standard output is closed. */
  output: 74,
  /** The timeout has passed; the same code as the command `timeout`. */
  timedOut: 124,
  /** Ended by SIGINT, by a closed pipe (SIGPIPE) or by SIGTERM, as in shells. */
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * An error that a user can fix. Its message names the expected and the found value and a remedy.
 * Each subclass is one situation and spells out its `name`, because the binary is minified.
 */
export abstract class PdoflowError extends Error {
  abstract override readonly name: string;
  abstract readonly exitCode: ExitCode;
}

/** @internal Input is invalid. `problems` has one text for each problem. */
export class InvalidInput extends PdoflowError {
  override readonly name = "InvalidInput";
  readonly exitCode = exitCodes.usage;
  readonly problems: readonly string[];
  constructor(what: string, problems: readonly string[]) {
    super(`${what}: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

/** @internal The input has no jobs. */
export class NothingToPost extends PdoflowError {
  override readonly name = "NothingToPost";
  readonly exitCode = exitCodes.usage;
  constructor(source: string, remedy = "") {
    const what = "expected at least one list of arguments, found none. Nothing was posted.";
    super(`${source}: ${what}${remedy}`);
  }
}

/** There is no schedule of that name that the role can see. */
export class ScheduleNotFound extends PdoflowError {
  override readonly name = "ScheduleNotFound";
  readonly exitCode = exitCodes.notFound;
  /** `hint`: what else the name could have meant, after a semicolon. */
  constructor(name: string, hint = "") {
    super(`there is no schedule "${name}"${hint}. List schedules with: pdoflow schedule list`);
  }
}

/** The posting does not exist: it was removed, or is in another database. */
export class PostingNotFound extends PdoflowError {
  override readonly name = "PostingNotFound";
  readonly exitCode = exitCodes.notFound;
}

/**
 * The posting is lost: the server failed over to a standby that did not have it yet, and perhaps
 * another posting has its number by now.
 */
export class PostingLost extends PdoflowError {
  override readonly name = "PostingLost";
  readonly exitCode = exitCodes.notFound;
  constructor(id: number, found: "none" | "another one") {
    super(
      `Expected posting ${id} as it was posted, found ${found}: the database failed over and ` +
        "lost it. Post it again, with the same key if it had one: what was not lost is not " +
        "posted twice.",
    );
  }
}

/**
 * Whether an error of the system has one of these codes, such as ENOENT. In Jest it is no instance
 * of this realm's Error.
 */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  typeof error === "object" &&
  error !== null &&
  "code" in error &&
  codes.includes(String(error.code));

/** The message of an error, without the name of its class. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
