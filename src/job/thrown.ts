/** The request that a thrown value carries. */
export const retryMark: unique symbol = Symbol.for("pdoflow.retry");
const longestMs = 31_536_000_000;

/** What follows an attempt that threw: no further attempt, or one after this many ms. */
export type Retry = "never" | number;

/** Thrown by a job: it has failed for good, whatever tries are left. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  /** For every copy of this class: the one of the binary, of the package, of another version. */
  readonly [retryMark]: Retry = "never";
}

/**
 * Thrown by a job: this attempt has failed, and the next one, if a try is left, is to begin in
 * `ms`.
 */
export class RetryAfter extends Error {
  override readonly name = "RetryAfter";
  readonly [retryMark]: Retry;
  constructor(ms: number, message = `try again in ${ms} ms`, options?: ErrorOptions) {
    super(message, options);
    if (!(ms >= 0 && ms <= longestMs)) {
      throw new RangeError(`RetryAfter: expected milliseconds from 0 to a year, found ${ms}`);
    }
    this[retryMark] = Math.round(ms);
  }
}

/** @internal The request of a thrown value; null for the backoff of its posting. */
export function retryOf(thrown: unknown): Retry | null {
  try {
    if (typeof thrown !== "object" || thrown === null || !(retryMark in thrown)) return null;
    const retry = thrown[retryMark];
    const isTime = typeof retry === "number" && retry >= 0 && retry <= longestMs;
    return retry === "never" || isTime ? retry : null;
  } catch {
    return null; // a Proxy or a getter of the job
  }
}
