/** The same text is logged once in this time: a pool without a database keeps trying. */
const againMs = 60_000;
/** Texts that are remembered. */
const textsMax = 50;

/** Logs that the database does not answer, and that it does again. */
export class LossLog {
  readonly #log: (line: string) => void;
  readonly #loggedAt = new Map<string, number>();
  #isAway = false;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** A statement has failed. */
  failed(text: string, now = performance.now()): void {
    if (now - (this.#loggedAt.get(text) ?? -Infinity) < againMs) return;
    if (this.#loggedAt.size >= textsMax) this.#loggedAt.clear();
    this.#loggedAt.set(text, now);
    this.away(`the database: ${text}`);
  }

  /** Logs what the pool does until the database answers. */
  away(line: string): void {
    this.#isAway = true;
    this.#log(line);
  }

  /** A heartbeat was answered. */
  answered(): void {
    if (this.#isAway) this.#log("the database answers again");
    this.#isAway = false;
  }
}
