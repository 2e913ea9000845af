import type { CliContext } from "./context.ts";

const quietMs = 2_000;
const everyMs = 200;
/** How often where each time is a line of its own: in a log file. */
const logEveryMs = 10_000;

/** The command whose progress it is. */
export interface ProgressOf {
  context: CliContext;
  quiet: boolean;
}

/**
 * A line on the terminal that says how far something is, once it has taken two seconds. One that
 * `isWanted` is there from the beginning on, and without a terminal as a line now and then.
 */
export class Progress {
  readonly #context: CliContext;
  readonly #verb: string;
  readonly #isWanted: boolean;
  readonly #isQuiet: boolean;
  readonly #startedAt = performance.now();
  #shownAt = -Infinity;

  constructor({ context, quiet }: ProgressOf, verb: string, isWanted = false) {
    this.#context = context;
    this.#isQuiet = quiet;
    this.#verb = verb;
    this.#isWanted = isWanted;
  }

  show(text: string): void {
    const { stderr, isTerminal, columns, env } = this.#context;
    if (this.#isQuiet) return;
    const now = performance.now();
    if (!this.#isWanted && (!isTerminal.stderr || now - this.#startedAt < quietMs)) return;
    if (now - this.#shownAt < (isTerminal.stderr ? everyMs : logEveryMs)) return;
    this.#shownAt = now;
    const line = `${this.#verb}: ${text}`;
    if (!isTerminal.stderr) {
      stderr.write(`${line}\n`);
      return;
    }
    // A line that wraps could not be taken back.
    const width = (Number(env["COLUMNS"]) || columns || 80) - 1;
    stderr.write(`\r\u001b[K${line.length > width ? `${line.slice(0, width - 1)}…` : line}`);
  }

  end(): void {
    if (this.#shownAt > 0 && this.#context.isTerminal.stderr) {
      this.#context.stderr.write("\r\u001b[K");
    }
  }
}
