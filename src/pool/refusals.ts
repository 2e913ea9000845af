import { readRefusals, refusePostings } from "../db/refusals.ts";
import type { Link } from "./link.ts";
import type { Judge } from "./verdict.ts";

const lookEveryMs = 1_000;
/** Claims pass by so many one by one, which costs them some milliseconds; of more, their routes. */
const mostIds = 500;
/** How long a route is left whose postings were refused too often. */
const leftMs = 300_000;

/** The postings that a pool does not run, so that it claims no jobs of them again (H1). */
export class Refusals {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #judge: Judge | null;
  readonly #known = new Map<number, { oldest: number; routeId: number }>();
  /** Until when routes are left out altogether (performance clock). */
  readonly #left = new Map<number, number>();
  #lookedAt = performance.now();

  constructor(link: Link, poolId: number, judge: Judge | null) {
    this.#link = link;
    this.#poolId = poolId;
    this.#judge = judge;
  }

  get ids(): number[] {
    return [...this.#known.keys()];
  }

  /** Whether there is anything that it does not run. */
  get isAny(): boolean {
    return this.#known.size + this.#left.size > 0;
  }

  hasLeft(routeId: number): boolean {
    return this.#left.has(routeId);
  }

  /**
   * Notes postings that were refused, with the reason and the route of each. Returns the routes
   * that it leaves out from now on, because there were too many.
   */
  async add(
    refused: ReadonlyMap<number, string>,
    routeOf: ReadonlyMap<number, number>,
  ): Promise<number[]> {
    const rows = await this.#link.ask((db) => refusePostings(db, this.#poolId, refused));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const id of refused.keys()) {
      this.#known.set(id, { oldest: oldest.get(id) ?? 0, routeId: routeOf.get(id) ?? 0 });
    }
    const left: number[] = [];
    while (this.#known.size > mostIds) {
      const byRoute = [...Map.groupBy(this.#known, ([, { routeId }]) => routeId)];
      const [routeId, most] = byRoute.reduce((a, b) => (b[1].length > a[1].length ? b : a));
      for (const [id] of most) this.#known.delete(id);
      this.#left.set(routeId, performance.now() + leftMs);
      left.push(routeId);
    }
    return left;
  }

  /** Forgets those that were resumed, or do not wait any more; all where other keys are trusted. */
  async look(): Promise<void> {
    const now = performance.now();
    if (!this.isAny || now < this.#lookedAt + lookEveryMs) return;
    this.#lookedAt = now;
    if (this.#judge?.hasChanged() === true) {
      this.#known.clear();
      this.#left.clear();
    }
    for (const [id, until] of this.#left) if (until <= now) this.#left.delete(id);
    if (this.#known.size === 0) return;
    const rows = await this.#link.ask((db) => readRefusals(db, this.ids));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const [id, known] of this.#known) {
      if (oldest.get(id) !== known.oldest) this.#known.delete(id);
    }
  }
}
