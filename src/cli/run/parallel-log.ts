import { appendFileSync, existsSync, statSync } from "node:fs";
import { constants } from "node:os";

import { exitCodes, messageOf, PdoflowError } from "../../domain/errors.ts";
import { commandLine, type CommandWord, wordsIn } from "../../pool/worker/command-line.ts";
import type { EndedJob } from "../output/run-output.ts";

const header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/** The file of --joblog can't be written. */
class ParallelLogUnusable extends PdoflowError {
  override readonly name = "ParallelLogUnusable";
  readonly exitCode = exitCodes.output;
  constructor(path: string, error: unknown) {
    super(`--joblog: expected a file that can be written, found ${path}: ${messageOf(error)}`);
  }
}

/** A log of ended jobs in the format of GNU parallel, a line for each. */
export class ParallelLog {
  readonly #path: string;
  readonly #host: string;

  /** @throws {ParallelLogUnusable} */
  constructor(path: string, host: string) {
    this.#path = path;
    this.#host = host;
    const isNew = !existsSync(path) || statSync(path).size === 0;
    this.#append(isNew ? header : "");
  }

  add(job: EndedJob, command: readonly CommandWord[]): void {
    const { exit, signal } = endOf(job);
    const now = Date.now() - performance.now();
    const startedAt = (now + job.endedAt - job.durationMs) / 1000;
    const received = job.whole?.stdout.length ?? 0;
    const { slot } = job;
    const words = slot === undefined ? command : wordsIn(command, String(slot));
    const line = commandLine(words).replaceAll(/[\t\n\r]/g, " ");
    this.#append(
      [job.number, this.#host, startedAt.toFixed(3), (job.durationMs / 1000).toFixed(3)]
        .concat([0, received, exit, signal, line])
        .join("\t") + "\n",
    );
  }

  #append(text: string): void {
    try {
      appendFileSync(this.#path, text);
    } catch (error) {
      throw new ParallelLogUnusable(this.#path, error);
    }
  }
}

/** The exit code and the number of the signal of a command; 1 for a function that failed. */
function endOf({ state, error }: EndedJob): { exit: number; signal: number } {
  if (state === "done") return { exit: 0, signal: 0 };
  const [, code, name] =
    /^(?:exit code (\d+)|killed by (SIG[A-Z0-9]+)): /.exec(error?.message ?? "") ?? [];
  if (code !== undefined) return { exit: Number(code), signal: 0 };
  const signals: Record<string, number> = constants.signals;
  if (name !== undefined) return { exit: 0, signal: signals[name] ?? 0 };
  if (error?.name === "Timeout" || state === "cancelled") return { exit: -1, signal: 15 };
  return { exit: 1, signal: 0 };
}
