import { countOf, type PendingRun, sizeOf } from "./outcome-batch.ts";

const countMax = 100_000;
const bytesMax = 64 * 1024 * 1024;
/** Shorter waits are not logged: jobs with large results may end faster than they are written. */
const logAfterMs = 5_000;
const logAgainMs = 60_000;

/** Limits the outcomes that wait to be written. At the limit a pool starts no more jobs. */
export class OutcomeBound {
  #count = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isLogged = false;
  readonly #log: (sentence: string) => void;

  constructor(log: (sentence: string) => void) {
    this.#log = log;
  }

  get held(): { outcomes: number; bytes: number } {
    return { outcomes: this.#count, bytes: this.#bytes };
  }

  get isFull(): boolean {
    return this.#count >= countMax || this.#bytes >= bytesMax;
  }

  add(run: PendingRun): void {
    this.#count += countOf(run);
    this.#bytes += sizeOf(run);
    if (this.isFull) this.#timer ??= setTimeout(() => this.#report(), logAfterMs).unref();
  }

  remove(runs: readonly PendingRun[]): void {
    for (const run of runs) {
      this.#count -= countOf(run);
      this.#bytes -= sizeOf(run);
    }
    if (!this.isFull) this.#end();
  }

  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#end();
  }

  #report(): void {
    this.#isLogged = true;
    this.#timer = setTimeout(() => this.#report(), logAgainMs).unref();
    const size = (this.#bytes / 1024 / 1024).toFixed(0);
    this.#log(
      `${this.#count} outcomes (${size} MiB) wait to be written: no more jobs are started until ` +
        "the database accepts them",
    );
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isLogged) this.#log("the database accepts outcomes again: jobs continue");
    this.#isLogged = false;
  }
}
