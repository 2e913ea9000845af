import type { LeasedRange } from "../../db/engine/leases.ts";

/** Only claims of many small postings leave many entries of deleted lanes in the index. */
const worthRanges = 100;
const keptMs = 1_000;

interface Position {
  postingId: number;
  until: number;
}

/**
 * Where claims begin to read the open lanes of a route (`positions` in sql/engine/claim.sql): at
 * the first posting of the last claim. Once a second they read from the start, so that a posting
 * that became available behind the position waits no longer than that.
 */
export class Positions {
  readonly #positions = { usual: new Map<number, Position>(), oldest: new Map<number, Position>() };

  /** The postings to begin at, for a claim of the oldest lane or of the one that comes first. */
  at(isOldest: boolean, now: number): number[] {
    const positions = this.#of(isOldest);
    for (const [routeId, { until }] of positions) if (until <= now) positions.delete(routeId);
    return [...positions.values()].map(({ postingId }) => postingId);
  }

  /** The ranges of a claim of a route, in their order. */
  learn(routeId: number, ranges: readonly LeasedRange[], isOldest: boolean, now: number): void {
    const [first] = ranges;
    if (!first || ranges.length < worthRanges || first.attempt > 1) return;
    const positions = this.#of(isOldest);
    const until = positions.get(routeId)?.until ?? now + keptMs;
    positions.set(routeId, { postingId: first.postingId, until });
  }

  #of(isOldest: boolean): Map<number, Position> {
    return isOldest ? this.#positions.oldest : this.#positions.usual;
  }
}
