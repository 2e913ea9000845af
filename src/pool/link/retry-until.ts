import { setTimeout as sleep } from "node:timers/promises";

import { isWorthAnotherTry } from "../../db/connection/connect.ts";

const againMs = 500;

/**
 * Retries work with the database until it succeeds; null once `isWanted` returns false.
 *
 * @throws an error that another try would not fix.
 */
export async function retryUntil<T>(
  work: () => Promise<T>,
  isWanted: () => boolean,
): Promise<T | null> {
  while (isWanted()) {
    try {
      return await work();
    } catch (error) {
      if (!isWorthAnotherTry(error)) throw error;
      await sleep(againMs);
    }
  }
  return null;
}
