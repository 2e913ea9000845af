import type { RouteHead } from "../../db/engine/routes.ts";
import { type Counts, countsOf, type Provides } from "../../domain/capabilities.ts";
import type { ClaimRoom } from "../../domain/chunk-size.ts";
import { classKey, plainCounts, type Resources } from "../../domain/job-class.ts";
import { type WaitingClass, openClasses, Patience } from "../../domain/overtaking.ts";
import { groupBy } from "../../domain/node-20.ts";
import type { RouteInTurn } from "../../domain/route.ts";

/** Routes whose jobs take the same amounts. */
interface RoutesOfClass {
  key: string;
  /** Null if they count nothing. */
  counts: Counts | null;
  routes: RouteInTurn[];
}

/** Routes to claim of, and the room for their jobs. */
export interface ClaimableRoutes {
  key: string;
  routes: RouteInTurn[];
  room: ClaimRoom;
}

/** The state of a pool that decides which classes have room. */
export interface IdleRoom {
  idle: number;
  leftMs: number;
  resources: Resources | null;
}

/** Which of two routes comes first, by their first jobs. */
export type RouteHeadOrder = (a: RouteHead, b: RouteHead) => number;

/**
 * Divides the routes of a pool by what their jobs take. A claim is for one of these classes,
 * because the number of jobs that may be claimed depends on it.
 */
export class JobClasses {
  readonly #patience = new Patience();
  readonly #uncounted: Counts | null;
  readonly #countsOf = new Map<number, Counts | null>();
  #classes: RoutesOfClass[] = [];
  /** The routes that had jobs which did not fit, when the pool claimed last. */
  withheld: ReadonlySet<number> = new Set();

  /** If the cpus of a pool have numbers, each job takes some of them. */
  constructor(provides: Provides) {
    this.#uncounted = typeof provides["cpus"] === "object" ? plainCounts : null;
  }

  /** These are the routes that the pool serves. */
  learn(routes: readonly RouteInTurn[]): void {
    for (const { id, needs } of routes) {
      if (!this.#countsOf.has(id)) this.#countsOf.set(id, countsOf(needs) ?? this.#uncounted);
    }
    const classes = groupBy(routes, ({ id }) => classKey(this.countsOf(id)));
    this.#classes = [...classes].map(([key, own]) => ({
      ...{ key, counts: this.countsOf(own[0]?.id ?? 0), routes: own },
    }));
  }

  /** The amounts that a job of a route takes; null if it counts nothing. */
  countsOf(routeId: number): Counts | null {
    return this.#countsOf.get(routeId) ?? null;
  }

  /** Whether no job counts what it takes. */
  get arePlain(): boolean {
    return this.#classes.every(({ counts }) => counts === null);
  }

  /** Whether it matters which of several classes comes first. */
  get areSeveral(): boolean {
    return this.#classes.length > 1;
  }

  /** The room for each class, as if there were no others. */
  rooms(room: IdleRoom): ClaimRoom[] {
    const { resources } = room;
    if (resources === null) return [];
    return this.#classes.map((each) => {
      const fits = resources.free.howMany(each.counts ?? plainCounts, room.idle);
      return roomOf(each, { fits, mayFollow: true }, { ...room, resources });
    });
  }

  /**
   * The routes to claim of: first those of the class whose first job comes first. Without `heads`
   * all routes may have jobs.
   */
  claimable(
    room: IdleRoom & { resources: Resources },
    heads: { of: ReadonlyMap<number, RouteHead>; order: RouteHeadOrder } | null,
    now: number,
  ): ClaimableRoutes[] {
    const waiting = this.#classes.flatMap((each) => {
      const first = heads && firstHead(each.routes, heads.of, heads.order);
      if (heads && !first) return [];
      const waitedMs = first?.waitedMs ?? 0;
      return [{ ...each, counts: each.counts ?? plainCounts, waitedMs, first, of: each }];
    });
    if (heads) {
      waiting.sort((a, b) => (a.first && b.first ? heads.order(a.first, b.first) : 0));
      this.#patience.keep(new Set(waiting.map(({ key }) => key)));
    }
    const isOver = (jobs: WaitingClass) => heads !== null && this.#patience.isOver(jobs, now);
    const open = openClasses(waiting, room.resources.free, room.idle, isOver);
    const fitting = new Set(open.filter(({ fits }) => fits > 0).map(({ jobs }) => jobs.key));
    this.withheld = new Set(
      waiting
        .filter(({ key }) => !fitting.has(key))
        .flatMap(({ routes }) => routes.map((r) => r.id)),
    );
    return open.map(({ jobs, ...its }) => ({
      ...{ key: jobs.key, routes: jobs.routes, room: roomOf(jobs.of, its, room) },
    }));
  }

  /** Jobs of a class were claimed. */
  claimed(key: string): void {
    this.#patience.started(key);
  }
}

function roomOf(
  { counts }: RoutesOfClass,
  { fits, mayFollow }: { fits: number; mayFollow: boolean },
  { resources, leftMs }: IdleRoom & { resources: Resources },
): ClaimRoom {
  const { holding, starting, backlog } = resources.of(counts);
  const idle = fits + starting;
  return { idle, backlog, leftMs, workers: mayFollow ? fits + holding : idle };
}

function firstHead(
  routes: readonly RouteInTurn[],
  heads: ReadonlyMap<number, RouteHead>,
  order: RouteHeadOrder,
): RouteHead | undefined {
  return routes.flatMap(({ id }) => heads.get(id) ?? []).toSorted(order)[0];
}
