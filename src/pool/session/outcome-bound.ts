import type { EndedAttempt } from "./outcome-batch.ts";

const countMax = 100_000;
const bytesMax = 64 * 1024 * 1024;
/** Shorter waits are no news: jobs with large results may end faster than these are written. */
const tellAfterMs = 5_000;
const tellAgainMs = 60_000;

/** How much a pool keeps of what ended and is not written. Above it, it starts no more jobs. */
export class OutcomeBound {
  #count = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isTold = false;
  readonly #tell: (sentence: string) => void;

  constructor(tell: (sentence: string) => void) {
    this.#tell = tell;
  }

  get isFull(): boolean {
    return this.#count >= countMax || this.#bytes >= bytesMax;
  }

  add(outcome: EndedAttempt): void {
    this.#count++;
    this.#bytes += sizeOf(outcome);
    if (this.isFull) this.#timer ??= setTimeout(() => this.#say(), tellAfterMs).unref();
  }

  remove(outcomes: readonly EndedAttempt[]): void {
    this.#count -= outcomes.length;
    for (const outcome of outcomes) this.#bytes -= sizeOf(outcome);
    if (!this.isFull) this.#end();
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#end();
  }

  #say(): void {
    this.#isTold = true;
    this.#timer = setTimeout(() => this.#say(), tellAgainMs).unref();
    const size = (this.#bytes / 1024 / 1024).toFixed(0);
    this.#tell(
      `${this.#count} outcomes (${size} MiB) wait to be written: no more jobs are started until ` +
        "the database takes them",
    );
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isTold) this.#tell("the database takes outcomes again: jobs go on");
    this.#isTold = false;
  }
}

/** About so many bytes of memory: texts of Latin letters take one for each. */
export function sizeOf({ result, error, stdout, stderr }: EndedAttempt): number {
  const length = (text: string | null) => (text === null ? 0 : text.length);
  return length(result) + length(error) + length(stdout) + length(stderr);
}
