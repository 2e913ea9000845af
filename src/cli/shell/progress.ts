import type { CliContext } from "./context.ts";

const quietMs = 2_000;
const everyMs = 200;
/** In a log file, where each update is a line. */
const logEveryMs = 10_000;

/** The command that shows its progress. */
export interface ProgressOwner {
  context: CliContext;
  quiet: boolean;
}

/**
 * A progress line on the terminal, shown after two seconds. If `isWanted`, it is shown from the
 * start, and without a terminal a line is printed every ten seconds.
 */
export class Progress {
  readonly #context: CliContext;
  readonly #verb: string;
  readonly #isWanted: boolean;
  readonly #isQuiet: boolean;
  readonly #startedAt = performance.now();
  #shownAt = -Infinity;

  constructor({ context, quiet }: ProgressOwner, verb: string, isWanted = false) {
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
    // A wrapped line could not be cleared.
    const width = (Number(env["COLUMNS"]) || columns || 80) - 1;
    stderr.write(`\r\u001b[K${line.length > width ? `${line.slice(0, width - 1)}…` : line}`);
  }

  end(): void {
    if (this.#shownAt > 0 && this.#context.isTerminal.stderr) {
      this.#context.stderr.write("\r\u001b[K");
    }
  }
}
