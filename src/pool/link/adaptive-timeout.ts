/** An answer may take that many times as long as the one before it. */
const spread = 4;
/** No timeout grows beyond this. */
const growsToMs = 60_000;

/**
 * How long to wait for a server that is slow to answer, before its connection is considered dead.
 * If many pools connect at once, a small server answers all of them late. Were each connection
 * given up then, and its work begun again on a new one, none would ever be served (congestion
 * collapse): so the timeout doubles with each loss, and falls again as answers become fast. Until
 * the first answer it is the longest, because nothing depends on that one yet.
 */
export class AdaptiveTimeout {
  readonly #usualMs: number;
  #longest: number;
  #times = 1;
  #hasAnswered = false;

  /** @param longest how much longer than usual it may become; 1 for one that stays the same */
  constructor(usualMs: number, longest: number) {
    this.#usualMs = usualMs;
    this.#longest = longest;
  }

  /** How much longer than usual to wait for a connection: from 1 to the longest. */
  get times(): number {
    return this.#times;
  }

  /** How long to wait for an answer. */
  get ms(): number {
    const times = this.#hasAnswered ? this.#times : this.#longest;
    return Math.max(this.#usualMs, Math.min(this.#usualMs * times, growsToMs));
  }

  /** From now on it waits no longer than usual. */
  end(): void {
    this.#longest = 1;
    this.#times = 1;
  }

  /** A connection was given up because nothing was answered. */
  lost(): void {
    this.#times = Math.min(this.#times * 2, this.#longest);
  }

  /** A statement was answered after `ms`. */
  answered(ms: number): void {
    this.#hasAnswered = true;
    const needed = (ms * spread) / this.#usualMs;
    this.#times = Math.min(Math.max(needed, this.#times / 2, 1), this.#longest);
  }
}
