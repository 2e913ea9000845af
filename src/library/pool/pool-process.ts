import { type ChildProcess, spawn } from "node:child_process";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** How the process of a pool ended. */
export type ProcessEnd =
  | { kind: "exited"; code: number }
  | { kind: "killed"; signal: string }
  | { kind: "not started"; reason: string };

/** The number of characters of the output of the process that are kept to report why it ended. */
const tailChars = 4_096;
/** A pool that fails this soon after its start would fail again and again. */
const stillbornMs = 5_000;
/** Its workers may keep stderr open after it has ended; its own last messages are there by then. */
const lastWordsMs = 200;

/** The pool ended with an error, or could not be started. */
export class PoolFailed extends PdoflowError {
  override readonly name = "PoolFailed";
  readonly exitCode = exitCodes.jobsFailed;
  readonly ending: ProcessEnd;
  /** The end of its stderr. */
  readonly stderr: string;
  constructor(command: string, ending: ProcessEnd, stderr: string) {
    const said = stderr === "" ? "It said nothing." : `It said:\n${stderr}`;
    super(
      `Expected the pool to run until it is stopped, and it ${describe(ending)}. ${said}\n` +
        `Correct that and start it again; its command is: ${command}`,
    );
    this.ending = ending;
    this.stderr = stderr;
  }
}

function describe(ending: ProcessEnd): string {
  if (ending.kind === "exited") return `exited with code ${ending.code}`;
  if (ending.kind === "killed") return `was killed by ${ending.signal}`;
  return `could not be started (${ending.reason}): is PDOFLOW_BINARY or the PATH right?`;
}

/** The process of one pool. Its stderr also goes to ours. */
export class PoolProcess {
  /** Set once it has ended. */
  ending: ProcessEnd | undefined;
  readonly ended: Promise<ProcessEnd>;
  readonly #command: readonly string[];
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();
  #endedAt = Infinity;
  #tail = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string | undefined>>) {
    this.#command = command;
    const [program = "", ...args] = command;
    // Our stdout is for the script's own data, so all output of the pool goes to stderr.
    this.#child = spawn(program, args, { env, stdio: ["ignore", 2, "pipe"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#tail = (this.#tail + text).slice(-tailChars);
      process.stderr.write(text);
    });
    this.ended = new Promise((resolve) => {
      const end = (ending: ProcessEnd) => {
        process.off("exit", this.#leave);
        this.ending = ending;
        this.#endedAt = performance.now();
        resolve(ending);
      };
      this.#child.on("error", (error) => {
        if (this.#child.pid !== undefined) return;
        const ending: ProcessEnd = { kind: "not started", reason: error.message };
        end(ending);
        // Reported even if nobody awaits the call that rejects with it.
        process.stderr.write(`pool: it ${describe(ending)}\n`);
      });
      this.#child.on("exit", (code, signal) => {
        const ending: ProcessEnd =
          code === null ? { kind: "killed", signal: signal ?? "?" } : { kind: "exited", code };
        const timer = setTimeout(end, lastWordsMs, ending);
        this.#child.on("close", () => {
          clearTimeout(timer);
          end(ending);
        });
      });
    });
    process.on("exit", this.#leave);
  }

  get pid(): number | undefined {
    return this.ending === undefined ? this.#child.pid : undefined;
  }

  get #livedMs(): number {
    return this.#endedAt - this.#startedAt;
  }

  get hasEnded(): boolean {
    return this.ending !== undefined;
  }

  /** Whether starting it again may help after it has ended. */
  get isMishap(): boolean {
    const { ending } = this;
    if (ending?.kind !== "exited") return ending?.kind === "killed";
    const refusals: readonly number[] = [exitCodes.usage, exitCodes.database, exitCodes.notFound];
    return !refusals.includes(ending.code) && (ending.code === 0 || this.#livedMs > stillbornMs);
  }

  /** Why it ended, as an error to throw. */
  failure(): PoolFailed {
    const ending = this.ending ?? { kind: "exited", code: 0 };
    return new PoolFailed(this.#command.join(" "), ending, this.#tail.trim());
  }

  /**
   * Stops it, if it has not ended.
   *
   * @throws {PoolFailed} it did not end in an orderly way.
   */
  async end(graceMs: number): Promise<void> {
    const ending = this.ending ?? (await this.stop(graceMs));
    // SIGTERM: it was still starting when it was asked to stop.
    const isOrderly =
      ending.kind === "exited"
        ? ending.code === 0
        : "signal" in ending && ending.signal === "SIGTERM";
    if (!isOrderly) throw this.failure();
  }

  /**
   * Asks it to end after its running jobs; after `graceMs` asks again, so that it releases them;
   * and `retryForMs` later kills it.
   */
  async stop(graceMs: number, retryForMs = 5_000): Promise<ProcessEnd> {
    for (const waitMs of [graceMs, retryForMs]) {
      this.#signal("SIGTERM");
      const ending = await this.#endsWithin(waitMs);
      if (ending) return ending;
    }
    this.#signal("SIGKILL");
    return await this.ended;
  }

  async #endsWithin(ms: number): Promise<ProcessEnd | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, ms, undefined);
    });
    return await Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
  }

  /**
   * Until Node reports that it could not start the program, `kill` signals process 0: the group of
   * this process.
   */
  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) this.#child.kill(signal);
  }

  /** A script that ends without stopping its pool stops the pool too. */
  readonly #leave = (): void => {
    this.#signal("SIGTERM");
  };
}
