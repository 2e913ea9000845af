import { countOf, isRun } from "../../db/engine/outcomes.ts";
import type { PendingOutcomes } from "./outcome-batch.ts";

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

  get isFull(): boolean {
    return this.#count >= countMax || this.#bytes >= bytesMax;
  }

  add(outcome: PendingOutcomes): void {
    this.#count += countOf(outcome);
    this.#bytes += sizeOf(outcome);
    if (this.isFull) this.#timer ??= setTimeout(() => this.#report(), logAfterMs).unref();
  }

  remove(outcomes: readonly PendingOutcomes[]): void {
    for (const outcome of outcomes) {
      this.#count -= countOf(outcome);
      this.#bytes -= sizeOf(outcome);
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

/** The size in memory, in bytes, estimated: a Latin letter takes one byte. */
export function sizeOf(outcome: PendingOutcomes): number {
  if (isRun(outcome)) return outcome.bytes;
  const { result, error, stdout, stderr } = outcome;
  const length = (text: string | null) => (text === null ? 0 : text.length);
  return length(result) + length(error) + length(stdout) + length(stderr);
}
