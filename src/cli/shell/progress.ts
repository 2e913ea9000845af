import type { CliContext } from "./context.ts";

const quietMs = 1_000;
const everyMs = 200;
/** In a log file, where each update is a line. */
const logEveryMs = 10_000;

/** A line at the bottom of the terminal, above which messages are printed. */
export interface BottomLine {
  /** Prints whole lines above it. */
  above(print: () => void): void;
  /** Removes it. */
  end(): void;
}

/** The command that shows its progress. */
export interface ProgressOwner {
  context: CliContext;
  quiet: boolean;
  bottomLine: BottomLine | null;
}

/**
 * A progress line on the terminal, shown after a second. If `isWanted`, it is shown from the start,
 * and without a terminal a line is printed every ten seconds. It stays at the bottom: print other
 * text with {@link above} or {@link aside}. A later line of the same command takes its place.
 */
export class Progress implements BottomLine {
  readonly #owner: ProgressOwner;
  readonly #verb: string;
  readonly #isWanted: boolean;
  readonly #startedAt = performance.now();
  #shownAt = -Infinity;
  /** What the terminal shows, or shows again after other text; empty for nothing. */
  #line = "";
  #isOver = false;
  /** While other text is printed. */
  #isAside = false;

  constructor(owner: ProgressOwner, verb: string, isWanted = false) {
    this.#owner = owner;
    this.#verb = verb;
    this.#isWanted = isWanted;
    owner.bottomLine?.end();
    owner.bottomLine = this;
  }

  show(text: string): void {
    const { stderr, isTerminal } = this.#context;
    if (this.#owner.quiet || this.#isOver) return;
    const now = performance.now();
    if (!this.#isWanted && (!isTerminal.stderr || now - this.#startedAt < quietMs)) return;
    if (now - this.#shownAt < (isTerminal.stderr ? everyMs : logEveryMs)) return;
    this.#shownAt = now;
    if (isTerminal.stderr) this.#draw(text);
    else stderr.write(`${this.#verb}: ${text}\n`);
  }

  above(print: () => void): void {
    this.#hide();
    print();
    if (!this.#isAside) this.#redraw();
  }

  /** Prints text above the line; `print` resolves to whether it ended its last line. */
  async aside(print: () => Promise<boolean>): Promise<void> {
    if (this.#isAside) return void (await print());
    this.#hide();
    this.#isAside = true;
    let isLineEnded = true;
    try {
      isLineEnded = await print();
    } finally {
      this.#isAside = false;
      if (!isLineEnded && this.#line !== "") this.#context.stderr.write("\n");
      this.#redraw();
    }
  }

  /** Removes the line; or leaves it with a last text, if it was shown. */
  end(lastText: string | null = null): void {
    this.#isOver = true;
    if (this.#owner.bottomLine === this) this.#owner.bottomLine = null;
    if (this.#line === "") return;
    if (lastText === null) this.#hide();
    else {
      this.#draw(lastText);
      this.#context.stderr.write("\n");
    }
    this.#line = "";
  }

  get #context(): CliContext {
    return this.#owner.context;
  }

  #draw(text: string): void {
    const { columns, env } = this.#context;
    const line = `${this.#verb}: ${text}`;
    // A wrapped line could not be removed.
    const width = (Number(env["COLUMNS"]) || columns || 80) - 1;
    this.#line = line.length > width ? `${line.slice(0, width - 1)}…` : line;
    if (!this.#isAside) this.#redraw();
  }

  #redraw(): void {
    if (this.#line !== "") this.#context.stderr.write(`\r${this.#line}\u001b[K`);
  }

  #hide(): void {
    if (this.#line !== "" && !this.#isAside) this.#context.stderr.write("\r\u001b[K");
  }
}
