const longestMs = 3_600_000;

/**
 * The delay after a job's attempt number `attempt` (from 1) failed, in milliseconds: `baseMs`
 * doubled with each attempt, an hour at most. `random` in [0, 1) subtracts up to a quarter, so that
 * jobs which failed together do not return together.
 */
export function retryDelayMs(baseMs: number, attempt: number, random: number): number {
  const fullMs = Math.min(baseMs * 2 ** (attempt - 1), longestMs);
  return Math.round(fullMs * (1 - random / 4));
}
