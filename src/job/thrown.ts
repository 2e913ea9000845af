/** The request that a thrown value carries. */
export const retryMark: unique symbol = Symbol.for("pdoflow.retry");
const longestMs = 31_536_000_000;

/** The consequence of an attempt that threw: no further attempt, or one after this number of ms. */
export type Retry = "never" | number;

/** Throw it in a job to make the job fail permanently, whatever attempts are left. */
export class FatalError extends Error {
  override readonly name = "FatalError";
  /** Shared by all copies of this class: in the binary, in the package, in other versions. */
  readonly [retryMark]: Retry = "never";
}

/**
 * Throw it in a job to make this attempt fail and, if an attempt is left, start the next one in
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
