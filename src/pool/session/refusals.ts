import type { RunnablePosting } from "../../db/engine/leases.ts";
import {
  readNextPostings,
  readRefusals,
  refusePostings,
  retractRefusals,
} from "../../db/engine/refusals.ts";
import { groupBy } from "../../domain/node-20.ts";
import type { Link } from "../link/link.ts";
import type { CodeWatcher } from "../entry/code-watcher.ts";
import type { AdmissionPolicy } from "../trust/admission-policy.ts";

const refreshEveryMs = 1_000;
/** Claims skip up to N postings one by one, in some milliseconds; then they skip whole routes. */
const refusedMaxDefault = 500;
/** How long a route is skipped if too many of its postings were refused. */
const skipRouteMs = 300_000;

/** Decides which postings a pool does not run. */
export interface RefusalSources {
  /** Null to run all postings that it may claim. */
  policy?: AdmissionPolicy | null;
  codeWatch?: CodeWatcher;
  /** The number of postings to skip one by one before skipping a whole route; default 500. */
  refusedMax?: number;
}

/** Which of these postings are not run either, each with the reason. */
export type ScreenPostings = (
  postings: readonly RunnablePosting[],
) => ReadonlyMap<number, string> | Promise<ReadonlyMap<number, string>>;

/** The result of refusing postings. */
export interface RefusalResult {
  /** Further postings that were refused before they were claimed. */
  ahead: ReadonlyMap<number, string>;
  /** Routes that are skipped from now on, because too many of their postings were refused. */
  skippedRoutes: number[];
}

interface Known {
  oldest: number;
  routeId: number;
  /** Set if it is refused because this code is missing. */
  missing: string | null;
}

/** The postings that a pool does not run, so that it claims no jobs of them again (H1). */
export class Refusals {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #policy: AdmissionPolicy | null;
  readonly #codeWatch: CodeWatcher | null;
  readonly #known = new Map<number, Known>();
  /** By route, until when all its postings are skipped (performance clock). */
  readonly #skippedRoutes = new Map<number, number>();
  #refreshedAt = performance.now();

  readonly #max: number;

  constructor(
    link: Link,
    poolId: number,
    { policy, codeWatch, refusedMax = refusedMaxDefault }: RefusalSources,
  ) {
    this.#max = refusedMax;
    this.#link = link;
    this.#poolId = poolId;
    this.#policy = policy ?? null;
    this.#codeWatch = codeWatch ?? null;
  }

  get ids(): number[] {
    return [...this.#known.keys()];
  }

  /** Whether there are postings that it does not run. */
  get isAny(): boolean {
    return this.#known.size + this.#skippedRoutes.size > 0;
  }

  skipsRoute(routeId: number): boolean {
    return this.#skippedRoutes.has(routeId);
  }

  /**
   * Remembers claimed postings that were refused, with the reason and the route of each; `missing`
   * is the entry point if its code is missing. Each claim costs a transaction, so this also screens
   * the next postings on the same routes: as many as it has refused, so that a pool which refuses
   * few reads few.
   */
  async add(
    refused: ReadonlyMap<number, string>,
    routeOf: ReadonlyMap<number, number>,
    screen: ScreenPostings,
    missing: string | null = null,
  ): Promise<RefusalResult> {
    const ahead = new Map<number, string>();
    const routes = new Map([...refused.keys()].map((id) => [id, routeOf.get(id) ?? 0]));
    for (const routeId of new Set(routes.values())) {
      const skip = [...this.ids, ...routes.keys()];
      const most = Math.min(skip.length, this.#max);
      const next = await this.#link.ask((db) => readNextPostings(db, routeId, skip, most));
      for (const [id, reason] of await screen(next)) {
        ahead.set(id, reason);
        routes.set(id, routeId);
      }
    }
    const all = new Map([...refused, ...ahead]);
    const rows = await this.#link.ask((db) => refusePostings(db, this.#poolId, all));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const [id, routeId] of routes) {
      this.#known.set(id, { oldest: oldest.get(id) ?? 0, routeId, missing });
    }
    return { ahead, skippedRoutes: this.#skipRoutes() };
  }

  /** The routes with the most refused postings, until few enough postings are left. */
  #skipRoutes(): number[] {
    const left: number[] = [];
    while (this.#known.size > this.#max) {
      const byRoute = [...groupBy(this.#known, ([, { routeId }]) => routeId)];
      const [routeId, most] = byRoute.reduce((a, b) => (b[1].length > a[1].length ? b : a));
      for (const [id] of most) this.#known.delete(id);
      this.#skippedRoutes.set(routeId, performance.now() + skipRouteMs);
      left.push(routeId);
    }
    return left;
  }

  /** Forgets postings that were resumed or have ended; all postings if the trusted keys changed. */
  async refresh(): Promise<void> {
    const now = performance.now();
    if (!this.isAny || now < this.#refreshedAt + refreshEveryMs) return;
    this.#refreshedAt = now;
    if (this.#policy?.hasChanged() === true) {
      this.#known.clear();
      this.#skippedRoutes.clear();
    }
    await this.#retractMended();
    for (const [id, until] of this.#skippedRoutes) if (until <= now) this.#skippedRoutes.delete(id);
    if (this.#known.size === 0) return;
    const rows = await this.#link.ask((db) => readRefusals(db, this.ids));
    const oldest = new Map(rows.map((row) => [row.postingId, row.oldest]));
    for (const [id, known] of this.#known) {
      if (oldest.get(id) !== known.oldest) this.#known.delete(id);
    }
  }

  /** Retracts the refusals of postings whose code may be here by now. */
  async #retractMended(): Promise<void> {
    const mended = (await this.#codeWatch?.takeMended()) ?? [];
    if (mended.length === 0) return;
    this.#skippedRoutes.clear();
    const known = [...this.#known];
    const ids = known.flatMap(([id, { missing }]) => (mended.includes(missing ?? "") ? [id] : []));
    await this.#link.ask((db) => retractRefusals(db, this.#poolId, ids));
    for (const id of ids) this.#known.delete(id);
  }
}
