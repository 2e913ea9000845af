import { jobHolders } from "../../db/engine/pools.ts";
import type { Link } from "../link/link.ts";

/** A pool may be late with its heartbeat for this long before a line is logged. */
const logAfterMs = 1_000;

/**
 * Pools with jobs which this pool could run, and which may be dead. With --once this pool waits
 * until each of them has shown that it is alive, or its jobs were released.
 */
export class SilentPools {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #log: (sentence: string) => void;
  /** By pool: its heartbeat when it was first seen, and the time of that. */
  readonly #seen = new Map<number, { heartbeatMs: number; at: number; isLogged: boolean }>();

  constructor(link: Link, poolId: number, log: (sentence: string) => void) {
    this.#link = link;
    this.#poolId = poolId;
    this.#log = log;
  }

  /** Checks once. `isDue`: the jobs of one of them must be released now. */
  async poll(routes: readonly number[]): Promise<{ isAny: boolean; isDue: boolean }> {
    const now = performance.now();
    const holders = await this.#link.ask((db) => jobHolders(db, this.#poolId, routes));
    let [isAny, isDue] = [false, false];
    for (const { id, host, heartbeatMs, dueInMs } of holders) {
      const seen = this.#seen.get(id) ?? { heartbeatMs, at: now, isLogged: false };
      this.#seen.set(id, seen);
      if (heartbeatMs !== seen.heartbeatMs && dueInMs > 0) continue; // it is alive
      isAny = true;
      isDue ||= dueInMs <= 0;
      if (seen.isLogged || now < seen.at + logAfterMs) continue;
      seen.isLogged = true;
      this.#log(
        `waiting for pool ${id} on ${host}, which has jobs: without a heartbeat, ` +
          `its jobs are released in ${Math.ceil(Math.max(dueInMs, 0) / 1000)} s`,
      );
    }
    return { isAny, isDue };
  }
}
