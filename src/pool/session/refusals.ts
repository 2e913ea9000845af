import { readRefusals, refusePostings, retractRefusals } from "../../db/engine/refusals.ts";
import { groupBy } from "../../domain/group-by.ts";
import type { Link } from "./link.ts";
import type { CodeWatcher } from "../options.ts";
import type { Judge } from "../trust/admission-policy.ts";

const lookEveryMs = 1_000;
/** Claims pass by so many one by one, which costs them some milliseconds; of more, their routes. */
const mostIds = 500;
/** How long a route is left whose postings were refused too often. */
const leftMs = 300_000;

/** Who says what a pool does not run. */
export interface Judging {
  /** What it may run; absent where it runs all that it may claim. */
  trust?: Judge | null;
  codeWatch?: CodeWatcher;
}

interface Known {
  oldest: number;
  routeId: number;
  /** Where it is passed by for want of this code. */
  lacks: string | null;
}

/** The postings that a pool does not run, so that it claims no jobs of them again (H1). */
export class Refusals {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #judge: Judge | null;
  readonly #codeWatch: CodeWatcher | null;
  readonly #known = new Map<number, Known>();
  /** Until when routes are left out altogether (performance clock). */
  readonly #left = new Map<number, number>();
  #lookedAt = performance.now();

  constructor(link: Link, poolId: number, { trust, codeWatch }: Judging) {
    this.#link = link;
    this.#poolId = poolId;
    this.#judge = trust ?? null;
    this.#codeWatch = codeWatch ?? null;
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
   * Notes postings that were refused, with the reason and the route of each; and the entry point
   * whose code is not here, where that is why. Returns the routes that it leaves out from now on,
   * because there were too many.
   */
  async add(
    refused: ReadonlyMap<number, string>,
    routeOf: ReadonlyMap<number, number>,
    lacks: string | null = null,
  ): Promise<number[]> {
    const rows = await this.#link.ask((db) => refusePostings(db, this.#poolId, refused));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const id of refused.keys()) {
      const routeId = routeOf.get(id) ?? 0;
      this.#known.set(id, { oldest: oldest.get(id) ?? 0, routeId, lacks });
    }
    const left: number[] = [];
    while (this.#known.size > mostIds) {
      const byRoute = [...groupBy(this.#known, ([, { routeId }]) => routeId)];
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
    await this.#lookForCode();
    for (const [id, until] of this.#left) if (until <= now) this.#left.delete(id);
    if (this.#known.size === 0) return;
    const rows = await this.#link.ask((db) => readRefusals(db, this.ids));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const [id, known] of this.#known) {
      if (oldest.get(id) !== known.oldest) this.#known.delete(id);
    }
  }

  /** Takes back what it said of postings whose code may be here by now. */
  async #lookForCode(): Promise<void> {
    const mended = (await this.#codeWatch?.mended()) ?? [];
    if (mended.length === 0) return;
    this.#left.clear();
    const known = [...this.#known];
    const ids = known.flatMap(([id, { lacks }]) => (mended.includes(lacks ?? "") ? [id] : []));
    await this.#link.ask((db) => retractRefusals(db, this.#poolId, ids));
    for (const id of ids) this.#known.delete(id);
  }
}
