const longestMs = 3_600_000;

/**
 * How long a job waits after its attempt number `attempt` (from 1) failed, in milliseconds:
 * `baseMs` doubled with each attempt, an hour at most. `random` in [0, 1) takes up to a quarter
 * off, so that jobs which failed together do not come back together.
 */
export function retryDelayMs(baseMs: number, attempt: number, random: number): number {
  const fullMs = Math.min(baseMs * 2 ** (attempt - 1), longestMs);
  return Math.round(fullMs * (1 - random / 4));
}
