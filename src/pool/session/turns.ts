import { groupBy } from "../../domain/node-20.ts";
import type { RouteInTurn } from "../../domain/route.ts";

/** The properties of a route that determine its turn. */
type Turn = Pick<RouteInTurn, "id" | "poster" | "share">;

/**
 * Decides which of the posters of the same priority is next: each poster has a share of the claims
 * of a pool, so that a poster of many jobs does not keep others waiting. A poster without jobs for
 * a while gets no claims for that time. (Start-time fair queueing.)
 */
export class Turns {
  /** When the last claim began, and the last one of each poster ends, in claims of weight 1. */
  #now = 0;
  readonly #ends = new Map<string, number>();

  /** The routes in the order of their turns, with a null before each later turn. */
  order(routes: readonly Turn[]): (number | null)[] {
    const groups = groupBy(routes, ({ poster }) => this.#begin(poster));
    return [...groups]
      .toSorted(([a], [b]) => a - b)
      .flatMap(([, group], index) => [
        ...(index === 0 ? [] : [null]),
        ...group.map(({ id }) => id),
      ]);
  }

  /** A claim has taken jobs of a route. */
  claimed({ poster, share }: Turn): void {
    this.#now = this.#begin(poster);
    this.#ends.set(poster, this.#now + 1 / share);
    for (const [other, end] of this.#ends) if (end <= this.#now) this.#ends.delete(other);
  }

  #begin(poster: string): number {
    return Math.max(this.#now, this.#ends.get(poster) ?? 0);
  }
}
