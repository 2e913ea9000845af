import type { Db } from "../../db/connection/connect.ts";
import type { JobsGone } from "../../db/engine/job-arguments.ts";
import {
  claim,
  type Claim,
  type Claimed,
  claimSingle,
  type LeasedRange,
  type RunnablePosting,
} from "../../db/engine/leases.ts";
import { stopPosting } from "../../db/engine/control.ts";
import { findServed, type RouteHead, readHeads, readRoutes } from "../../db/engine/routes.ts";
import { fireDue, nextTimes, startDue } from "../../db/engine/starts.ts";
import { bytesLeft, countLeft } from "./argument-memory.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";
import { claimShare, type ClaimRoom, claimSize, type JobTime } from "../../domain/chunk-size.ts";
import { mayServe, type PoolScope, type RouteInTurn } from "../../domain/route.ts";
import { Positions } from "./positions.ts";
import { Turns } from "./turns.ts";
import { entryPointsKept, JobTimes } from "./job-times.ts";
import { ClaimReader, type ReadJobs } from "./claim-reader.ts";
import { countJobs } from "../wire/leased-job.ts";
import { type LeasedRun, sizeOfArguments } from "../wire/leased-run.ts";
import { Limits } from "./limits.ts";
import { type ClaimableRoutes, type RouteHeadOrder, JobClasses } from "./job-classes.ts";
import type { Resources } from "../../domain/job-class.ts";
import { type RefusalSources, Refusals } from "./refusals.ts";
import type { Link } from "../link/link.ts";

/** Of routes whose postings have ended: the next posting of one is claimed at once. */
const routesKept = 100;
/** A busy pool reads the routes this often; otherwise new routes would starve (rule 6). */
const routesEveryMs = 1_000;
/** How soon to claim again while a posting is paused. */
const pausedMs = 50;
/** … and while jobs wait for resources, unless some become free. */
const withheldMs = 1_000;
/** The first jobs of all routes are read this often, if some count what they take. */
const headsEveryMs = 200;
/** How long to fire schedules before the next claim. */
const firingMs = 100;

export interface ClaimerOptions extends PoolScope, RefusalSources {
  /** One in N claims goes to the oldest open lane, so that no posting starves; 0 for none. */
  oldestEvery: number;
}

/** The state of the pool on which the size of a claim depends. */
export interface Room {
  workers: number;
  /** The workers of all pools that are alive. */
  workersOfAllPools: number;
  idle: number;
  backlog: number;
  /** The size of the arguments that it keeps. */
  bytes: number;
  /** The time until this pool ends, in ms; Infinity if it has no end. */
  leftMs: number;
  /** Null if its jobs take nothing that is counted. */
  resources: Resources | null;
}

/** New postings, by id: their jobs and their routes, as far as is known. */
export type News = ReadonlyMap<number, { jobs: number | null; routeId: number | null }>;

/** The result of one claim. */
export interface ClaimedJobs extends ReadJobs {
  ranges: LeasedRange[];
  hasSkipped: boolean;
}

/** Claims jobs for a pool, as many as its workers need for a while, and no more. */
export class Claimer {
  readonly #link: Link;
  readonly #options: ClaimerOptions;
  readonly #poolId: number;
  readonly limits = new Limits();
  readonly refusals: Refusals;
  #routes: RouteInTurn[] = [];
  readonly #turns = new Turns();
  readonly #positions = new Positions();
  readonly #jobClasses: JobClasses;
  #heads: ReadonlyMap<number, RouteHead> = new Map();
  #headsReadAt = -Infinity;
  #routesReadAt = -Infinity;
  /** The only postings to claim of (O9); null for all. */
  chosen: number[] | null;
  #claims = 0;
  /** Postings to skip for a moment: perhaps they are about to be stopped. */
  readonly paused = new Set<number>();
  readonly #reader: ClaimReader;
  readonly #times = new JobTimes();
  /** The mean size of arguments in the last claim that had some, by entry point. */
  #sizes = new Map<string, number>();

  constructor(link: Link, poolId: number, options: ClaimerOptions) {
    this.#link = link;
    this.#reader = new ClaimReader(link);
    this.#options = options;
    this.#jobClasses = new JobClasses(options.provides);
    this.#poolId = poolId;
    this.chosen = options.postings ? [] : null;
    this.refusals = new Refusals(link, poolId, options);
  }

  jobTime(entryPoint: string): JobTime | null {
    return this.#times.of(entryPoint);
  }

  learnDone(posting: RunnablePosting, durationsMs: Float64Array): void {
    this.#times.learnDone(posting, durationsMs);
  }

  learnFailed(posting: RunnablePosting, durationMs: number): void {
    this.#times.learnFailed(posting, durationMs);
  }

  /** Whether there is room for any job at all. */
  hasRoom(room: Room): boolean {
    if (bytesLeft(room.bytes) === 0) return false;
    const rooms = this.#jobClasses.arePlain ? [room] : this.#jobClasses.rooms(room);
    return rooms.some((each) => this.#hasRoom(each));
  }

  #hasRoom(room: ClaimRoom): boolean {
    if (claimSize(null, room).cap > 0) return true;
    return this.#times.all.some(([, time]) => claimSize(time, room).cap > 0);
  }

  /** The amounts that a job of a route takes; null if it counts nothing. */
  countsOf(routeId: number) {
    return this.#jobClasses.countsOf(routeId);
  }

  /** Whether jobs wait for resources, as far as is known. */
  get isWithholding(): boolean {
    return this.#jobClasses.withheld.size > 0;
  }

  /**
   * The jobs of one claim, and the ranges that they come from; none if none is available. Postings
   * that are at a limit are passed by for a while (`hasSkipped`). Jobs that are too large to be
   * read now are `unread`, to be released. `news` are the postings to which all claimable jobs
   * belong, if that is known: then there is no route that could starve.
   */
  async claim(room: Room, news: News | null): Promise<ClaimedJobs> {
    const isStale = performance.now() > this.#routesReadAt + routesEveryMs;
    if (isStale && !news) await this.refreshRoutes();
    await this.refusals.refresh();
    this.limits.expire(performance.now());
    const startBy = Date.now() + this.limits.slackMs; // from before the claim: on the safe side
    const oldest = this.#isOldestsTurn();
    const hasPaused = this.paused.size > 0; // perhaps no longer when the answer comes
    const claimedOf = async (isNews: boolean) => {
      const { classes, areCurrent } = await this.#classes(room, oldest, isNews);
      const claimed = await this.#link.ask(async (db) => {
        const single = await this.#claimSingle(db, classes, news);
        return single ?? (await this.#claimFirst(db, classes, room, oldest));
      });
      return { ...claimed, classes, areCurrent };
    };
    let claimed = await claimedOf(news !== null);
    // Postings may have opened since the heads were read.
    if (claimed.ranges.length === 0 && !claimed.areCurrent) claimed = await claimedOf(true);
    const { ranges, limited, classes } = claimed;
    this.limits.note(limited, performance.now());
    const hasSkipped =
      hasPaused || this.isWithholding || limited.length + this.limits.skipped.length > 0;
    if (ranges.length === 0) return { ranges, runs: [], unread: [], hasSkipped };
    const bytesMax = bytesLeft(room.bytes);
    const { runs, unread } = await this.#reader.read(ranges, { startBy, bytesMax });
    this.#learnSize(runs);
    // All of one claim is of one route.
    const route = this.#routes.find(({ id }) => id === runs[0]?.posting.routeId);
    if (route) this.#positions.learn(route.id, ranges, oldest, performance.now());
    if (route && !oldest) this.#turns.claimed(route);
    this.#jobClasses.claimed(
      classes.find((each) => route && each.routes.includes(route))?.key ?? "",
    );
    return { ranges, runs, unread, hasSkipped };
  }

  /**
   * The routes to claim of, by what their jobs take, in the order of their first jobs. They are
   * current unless they rest on heads that were read for an earlier claim.
   */
  async #classes(
    room: Room,
    oldest: boolean,
    isNews: boolean,
  ): Promise<{ classes: ClaimableRoutes[]; areCurrent: boolean }> {
    const { resources } = room;
    if (resources === null || this.#jobClasses.arePlain) {
      return { classes: [{ key: "", routes: this.#served, room }], areCurrent: true };
    }
    const now = performance.now();
    if (!this.#jobClasses.areSeveral) {
      const classes = this.#jobClasses.claimable({ ...room, resources }, null, now);
      return { classes, areCurrent: true };
    }
    const areCurrent = isNews || now > this.#headsReadAt + headsEveryMs;
    if (areCurrent) {
      const heads = await this.#link.ask((db) =>
        readHeads(db, this.routeIds, this.#skipped, this.chosen),
      );
      this.#heads = new Map(heads.map((head) => [head.routeId, head]));
      this.#headsReadAt = now;
    }
    const heads = { of: this.#heads, order: this.#headOrder(oldest) };
    return { classes: this.#jobClasses.claimable({ ...room, resources }, heads, now), areCurrent };
  }

  /** As `best_lane` in the database: by priority, turn and age, or only by age. */
  #headOrder(oldest: boolean): RouteHeadOrder {
    if (oldest) return (a, b) => a.postingId - b.postingId;
    const turns = new Map<number, number>();
    let turn = 0;
    for (const id of this.#turns.order(this.#served)) {
      if (id === null) turn++;
      else turns.set(id, turn);
    }
    const turnOf = ({ routeId }: RouteHead) => turns.get(routeId) ?? 0;
    return (a, b) => b.priority - a.priority || turnOf(a) - turnOf(b) || a.postingId - b.postingId;
  }

  /** Claims of the first class that has jobs. */
  async #claimFirst(
    db: Db,
    classes: readonly ClaimableRoutes[],
    room: Room,
    oldest: boolean,
  ): Promise<Claimed> {
    const all: Claimed = { ranges: [], limited: [] };
    for (const each of classes) {
      if (!this.#hasRoom(each.room)) continue;
      const { ranges, limited } = await this.#claimFrom(db, this.#want(each, room, oldest));
      all.ranges.push(...ranges);
      all.limited.push(...limited);
      if (all.ranges.length > 0) break;
      this.#headsReadAt = -Infinity; // they were claimed by others
    }
    return all;
  }

  #want({ routes, room: own }: ClaimableRoutes, room: Room, oldest: boolean): Claim {
    return {
      poolId: this.#poolId,
      routes: this.#turns.order(routes.filter(({ id }) => !this.refusals.skipsRoute(id))),
      oldest,
      sizes: this.#times.all.map(([entryPoint, time]) => ({
        entryPoint,
        ...this.#claimSize(entryPoint, time, own, room.bytes),
      })),
      cap: claimSize(null, own).cap,
      share: claimShare(room.workers, room.workersOfAllPools),
      skip: this.#skipped,
      slackMs: this.limits.slackMs,
      postings: this.chosen,
    };
  }

  /** Claims the job of the only posting that can be claimed of; null if that was not possible. */
  async #claimSingle(
    db: Db,
    classes: readonly ClaimableRoutes[],
    news: News | null,
  ): Promise<Claimed | null> {
    const single = this.#singleOf(news);
    const fitting = classes.filter(({ room }) => room.idle > room.backlog);
    if (single === null || fitting.length === 0) return null;
    const claimed = await claimSingle(db, {
      poolId: this.#poolId,
      postingId: single,
      routes: fitting.flatMap(({ routes }) => routes.map(({ id }) => id)),
    });
    return claimed.ranges.length > 0 ? claimed : null;
  }

  /** The one posting that can be claimed of, if it has one job. */
  #singleOf(news: News | null): number | null {
    const [first] = news ?? [];
    if (news?.size !== 1 || !first || this.chosen !== null) return null;
    const [id, { jobs }] = first;
    return jobs === 1 && !this.#skipped.includes(id) ? id : null;
  }

  /** Claims from the positions on, or from the start if there is nothing. */
  async #claimFrom(db: Db, want: Claim): Promise<Claimed> {
    const positions = this.#positions.at(want.oldest, performance.now());
    const claimed = await claim(db, { ...want, positions });
    if (claimed.ranges.length > 0 || positions.length === 0) return claimed;
    return await claim(db, want);
  }

  /** Stops a posting whose jobs can't be read; otherwise they would be claimed again and again. */
  async stopGone({ postingId, message }: JobsGone): Promise<void> {
    await this.#link.ask((db) => stopPosting(db, postingId, message));
  }

  /**
   * Reads which routes have open postings, and which postings to claim of (O9). True if there is a
   * new one: then claim again.
   */
  async refreshRoutes(): Promise<boolean> {
    const { postings } = this.#options;
    const before = this.chosen;
    if (postings) this.chosen = await this.#link.ask((db) => findServed(db, postings));
    const isNew = this.chosen?.some((id) => !before?.includes(id)) ?? false;
    this.#reader.forget(); // limits of postings may have changed
    const read = await this.#link.ask((db) => readRoutes(db, this.#options));
    this.#routesReadAt = performance.now();
    const open = read.filter((route) => mayServe(route, this.#options));
    const ids = new Set(open.map(({ id }) => id));
    const known = new Set(this.#routes.map(({ id }) => id));
    const ended = this.#routes.filter(({ id }) => !ids.has(id)).slice(0, routesKept);
    this.#routes = [...open, ...ended];
    this.#jobClasses.learn(this.#routes);
    return isNew || open.some(({ id }) => !known.has(id));
  }

  /**
   * How long until there may be something to claim that waits for its time, and until a posting
   * starts; null for never. Starts the postings that are due.
   */
  async nextMs(): Promise<{ dueMs: number | null; startMs: number | null; anyWaits: boolean }> {
    const skipped = this.#skipped;
    const { withheld } = this.#jobClasses;
    const routes = this.routeIds.filter((id) => !withheld.has(id));
    const { retryMs, startMs, anyWaits } = await this.#link.ask((db) =>
      nextTimes(db, routes, skipped, this.chosen),
    );
    if (startMs !== null && startMs <= 0) await this.#start();
    const limitMs = this.paused.size > 0 ? pausedMs : this.limits.nextMs(performance.now());
    const times = [retryMs, limitMs, withheld.size > 0 ? withheldMs : null];
    const known = times.filter((each) => each !== null);
    const dueMs = known.length === 0 ? null : Math.min(...known);
    return { dueMs, startMs, anyWaits };
  }

  /** Starts what is due; of many schedules, as many as do not keep the pool from claiming. */
  async #start(): Promise<void> {
    await this.#link.ask((db) => startDue(db));
    const untilAt = performance.now() + firingMs;
    while ((await this.#link.ask((db) => fireDue(db))) && performance.now() < untilAt);
  }

  /** Whether the routes of all these postings were known when it claimed. */
  knows(news: News): boolean {
    const known = new Set(this.#routes.map(({ id }) => id));
    return [...news.values()].every(({ routeId }) => routeId !== null && known.has(routeId));
  }

  /** The routes that it claims of. */
  get routeIds(): number[] {
    return this.#served.map(({ id }) => id);
  }

  posterOf(routeId: number): string {
    return this.#routes.find(({ id }) => id === routeId)?.poster ?? "a poster";
  }

  /** The postings to skip: they are at a limit, or refused. */
  get #skipped(): number[] {
    return [...this.limits.skipped, ...this.refusals.ids, ...this.paused];
  }

  /** Its routes, without routes whose postings it has refused too often. */
  get #served(): RouteInTurn[] {
    return this.#routes.filter(({ id }) => !this.refusals.skipsRoute(id));
  }

  /** Rule 6: a fixed share of the claims, whatever waits with a higher priority. */
  #isOldestsTurn(): boolean {
    const { oldestEvery } = this.#options;
    return oldestEvery > 0 && ++this.#claims % oldestEvery === 0;
  }

  #claimSize(
    entryPoint: string,
    time: JobTime,
    room: ClaimRoom,
    bytes: number,
  ): { cap: number; floor: number } {
    const { cap, floor } = claimSize(time, room);
    const meanBytes = this.#sizes.get(entryPoint);
    if (meanBytes === undefined) return { cap, floor };
    const cappedBySize = Math.min(cap, countLeft(bytesLeft(bytes), meanBytes));
    return { cap: cappedBySize, floor: Math.min(floor, Math.max(cappedBySize, 1)) };
  }

  /** All of one claim is of one entry point. */
  #learnSize(runs: readonly LeasedRun[]): void {
    const [first] = runs;
    if (!first) return;
    this.#sizes.set(first.posting.entryPoint, sizeOfArguments(runs) / countJobs(runs));
    dropOldest(this.#sizes, entryPointsKept);
  }
}
