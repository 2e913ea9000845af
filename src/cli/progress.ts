import type { CliContext } from "./command.ts";

const quietMs = 2_000;
const everyMs = 200;

/** A line on the terminal that says how far something is, once it has taken two seconds. */
export class Progress {
  readonly #context: CliContext;
  readonly #verb: string;
  readonly #startedAt = performance.now();
  #shownAt = 0;

  constructor(context: CliContext, verb: string) {
    this.#context = context;
    this.#verb = verb;
  }

  show(text: string): void {
    const now = performance.now();
    if (!this.#context.isTerminal.stderr || now - this.#startedAt < quietMs) return;
    if (now - this.#shownAt < everyMs) return;
    this.#shownAt = now;
    this.#context.stderr.write(`\r\u001b[K${this.#verb}: ${text}`);
  }

  end(): void {
    if (this.#shownAt > 0) this.#context.stderr.write("\r\u001b[K");
  }
}
