import { setTimeout as sleep } from "node:timers/promises";

import { isWorthAnotherTry } from "../../db/connection/connect.ts";

const againMs = 500;

/**
 * Does work with the database again and again until it goes through; null once `isWanted` says that
 * it is not wanted any more.
 *
 * @throws what another try would not mend.
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
