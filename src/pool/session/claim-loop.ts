import { JobsGone } from "../../db/engine/job-arguments.ts";
import { type Crowd, looksOut, pollPauseMs, turnMs } from "../../domain/crowd.ts";
import type { ClaimedJobs, News, Room } from "./claimer.ts";
import type { ClaimFinding } from "./meter.ts";
import type { JobRun } from "../wire/leased-job.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import type { Session } from "./session.ts";

/** A claim that found no jobs. */
interface EmptyClaim {
  room: Room;
  hasSkipped: boolean;
  wasQuiet: boolean;
  /** How often its pool had settled postings before the claim was sent. */
  settled: number;
}

export interface ClaimLoopListener {
  /** The session to claim for; null while nothing should be claimed. */
  session(): Session | null;
  room(): Room;
  /** The pools that claim the same jobs. */
  crowd(): Crowd;
  /** The pool has no job, and no outcome waits to be recorded. */
  isQuiet(): boolean;
  /** A claim of postings of which the pool was notified begins. */
  onNews(): void;
  /** Jobs that were leased for this session just now; `unread` must be released. */
  onJobs(session: Session, runs: LeasedRun[], unread: JobRun[]): Promise<void>;
  /** With isOnce: nothing is left to claim, now or later, and the pool was quiet before. */
  onNothingLeft(): void;
  /** A claim was answered, `ms` milliseconds after it was sent. */
  onClaimed(found: ClaimFinding, ms: number): void;
  onError(error: unknown): void;
}

const againMs = 500;
/** How soon to claim again after a report that this pool waits, for posters that missed it. */
const soonMs = 100;
/** When to claim again if a retry is due that could not be claimed: a suspect (Y3), or locked. */
const takenMs = 50;
/** The maximum number of notified postings to remember. */
const notifiedMax = 1_000;
/** With isOnce, how soon to check again whether a pool with jobs is alive. */
const silentMs = 200;

/**
 * Claims whenever there is room: one claim at a time, and at once when notified of new jobs.
 */
export class ClaimLoop {
  readonly #listener: ClaimLoopListener;
  readonly #isOnce: () => boolean;
  /** The longest wait before the next claim. */
  readonly #longestMs: () => number;
  #isClaiming = false;
  /** The answer to a claim was lost: the database may have a lease that is not known here. */
  #mayHaveUnknown = false;
  /** Nothing could be claimed; do not try again before this (performance clock). */
  #nothingUntil = 0;
  /** … but the claim was only for jobs known to be short, because no worker was idle. */
  #nothingShort = false;
  #timer: NodeJS.Timeout | undefined;
  /** The pool has just reported that it waits. */
  #hasJustReported = false;
  /** Woken while a claim was under way, which may have missed the new jobs. */
  #isWoken = false;
  /** There was a notification of which it does not know the posting. */
  #isMissed = false;
  /** The postings of which it was notified since the last claim began. */
  #notified = new Map<number, { jobs: number | null; routeId: number | null }>();
  /**
   * Set if the last claim found nothing, and every later posting will be notified: until when the
   * pool need not claim unless it is woken (performance clock).
   */
  #quietUntil: number | null = null;

  constructor(listener: ClaimLoopListener, { isOnce }: { isOnce: () => boolean }) {
    this.#listener = listener;
    this.#isOnce = isOnce;
    // Polling is the truth, a notification a hint (rule 8).
    this.#longestMs = () => (isOnce() ? 50 : pollPauseMs(listener.crowd(), Math.random()));
  }

  /** Claims if there is room, unless nothing could be claimed a moment ago. */
  next(): void {
    const session = this.#listener.session();
    if (!session || session.recorder.isFull || this.#isClaiming) return;
    const room = this.#listener.room();
    const mayAskAll = this.#nothingShort && room.idle > room.backlog;
    if (!session.claimer.hasRoom(room)) return;
    if (performance.now() < this.#nothingUntil && !mayAskAll) return;
    this.#isClaiming = true;
    this.#claim(session, room)
      .catch((error: unknown) => {
        this.#mayHaveUnknown = true;
        this.#quietUntil = null;
        this.#pause(againMs);
        this.#listener.onError(error);
      })
      .finally(() => {
        this.#isClaiming = false;
        this.next();
      });
  }

  /** There may be new jobs: claims now. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /**
   * There may be new jobs of a posting: claims when its turn has come. The payload of the
   * notification has the posting, its number of jobs and its route, or less if these are unknown.
   */
  notify(payload: string): void {
    const [id, jobs = null, routeId = null] = payload.split(" ").map(Number);
    const isMissed = !id || this.#notified.size >= notifiedMax;
    if (isMissed) this.#isMissed = true;
    else this.#notified.set(id, { jobs, routeId });
    const turnAt = performance.now() + this.#turnMs(isMissed ? null : jobs);
    if (turnAt <= performance.now()) this.#wake();
    else if (turnAt < this.#nothingUntil) this.#sleepUntil(turnAt, () => this.#wake());
  }

  #wake(): void {
    this.#nothingUntil = 0;
    this.next();
  }

  /** How long to leave jobs to other pools that wait. */
  #turnMs(jobs: number | null): number {
    return this.#isOnce() ? 0 : turnMs(this.#listener.crowd(), jobs, Math.random());
  }

  /** Whether the last claim found nothing, and the loop waits for notifications. */
  get isWaiting(): boolean {
    const now = performance.now();
    // Or it claims what it was notified of.
    const isQuiet = this.#quietUntil !== null && now < this.#quietUntil;
    return isQuiet || (now < this.#nothingUntil && !this.#nothingShort);
  }

  /** Jobs of these postings have ended: claims now if one was skipped because of its limit. */
  free(postingIds: readonly number[]): void {
    if (this.#listener.session()?.claimer.limits.free(postingIds)) this.wake();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #claim(session: Session, room: Room): Promise<void> {
    const { recoveries } = session;
    const settled = session.settler.counts.ended;
    if (session.mayHaveFinishedInVain(performance.now())) this.#mayHaveUnknown = true;
    if (this.#mayHaveUnknown) this.#mayHaveUnknown = !(await session.releaseUnknown());
    const quietUntil = this.#isWoken || this.#isMissed ? null : this.#quietUntil;
    const notified = this.#notified;
    this.#isWoken = false;
    this.#isMissed = false;
    this.#notified = new Map();
    // Outcomes are recorded on another connection: this claim may miss a retry that one of them
    // creates meanwhile.
    const wasQuiet = this.#listener.isQuiet();
    if (quietUntil !== null) setImmediate(() => this.#listener.onNews()); // the claim is sent first
    const claimed = await this.#claimed(session, room, quietUntil === null ? null : notified);
    this.#quietUntil = null;
    if (!claimed) return;
    const { ranges, runs, unread, hasSkipped } = claimed;
    if (session.recoveries !== recoveries) {
      this.#mayHaveUnknown = true; // released in the meantime, or to be released
      return;
    }
    for (const range of ranges) session.recorder.expect(range, range.endSeq - range.firstSeq);
    if (runs.length === 0) {
      if (quietUntil !== null && !hasSkipped && this.#mayLeave(session, notified)) {
        this.#keepQuiet(session, quietUntil);
        if (this.#quietUntil !== null) return;
      }
      return await this.#rest(session, { room, hasSkipped, wasQuiet, settled });
    }
    await this.#listener.onJobs(session, runs, unread);
    if (notified.size + this.#notified.size > 0) {
      for (const id of whole(runs)) [notified, this.#notified].forEach((ids) => ids.delete(id));
    }
    const hasAll = notified.size === 0 && unread.length === 0 && !hasSkipped;
    if (hasAll && quietUntil !== null) this.#keepQuiet(session, quietUntil);
  }

  /** Others have claimed what it was notified of, and enough pools look for anything else. */
  #mayLeave({ claimer }: Session, news: News): boolean {
    return claimer.knows(news) && !looksOut(this.#listener.crowd(), Math.random());
  }

  /** It has claimed all that it was notified of: waits on, without a claim that finds nothing. */
  #keepQuiet({ heartbeat }: Session, until: number): void {
    const mayMissNews = !heartbeat.hasReportedWaiting || performance.now() >= until;
    if (this.#hasNews || mayMissNews) return; // and claims again
    this.#quietUntil = until;
    this.#sleepUntil(until, () => this.wake());
  }

  /** Null if jobs of the claim are gone: stops their posting; the next claim releases the rest. */
  async #claimed(session: Session, room: Room, news: News | null) {
    const sentAt = performance.now();
    try {
      const claimed = await session.claimer.claim(room, news);
      this.#listener.onClaimed(findingOf(claimed), performance.now() - sentAt);
      return claimed;
    } catch (error) {
      if (!(error instanceof JobsGone)) throw error;
      await session.claimer.stopGone(error);
      this.#mayHaveUnknown = true;
      return null;
    }
  }

  /** Nothing was found: waits for a notification, the next retry, or the next poll. */
  async #rest(session: Session, empty: EmptyClaim): Promise<void> {
    const { room, hasSkipped, wasQuiet } = empty;
    if (await session.claimer.refreshRoutes()) return;
    const isWaiting = room.idle > room.backlog;
    if (isWaiting && (await session.heartbeat.reportWaiting())) {
      this.#hasJustReported = true;
      return; // and claims again: a poster may have missed the report
    }
    // A skipped posting may be claimable again by now.
    const { dueMs, startMs, anyWaits } = await session.claimer.nextMs();
    if (startMs !== null && startMs <= 0) return; // it was started: claims again
    const nextMs = dueMs === 0 ? takenMs : (dueMs ?? (hasSkipped ? 0 : null));
    this.#nothingShort = !isWaiting;
    if (this.#isOnce() && nextMs === null && room.idle > 0) {
      if (wasQuiet && (await session.awaitsPools())) return this.#pause(silentMs);
      // Then it claims again.
      if (wasQuiet && anyWaits && (await session.settler.settleAll()) > 0) return;
      // It may have opened postings after the claim was sent.
      if (session.settler.counts.begun > empty.settled) return; // and claims again
      if (wasQuiet) this.#listener.onNothingLeft();
      else if (this.#listener.isQuiet()) return; // and claims again
    }
    if (this.#hasNews) return; // and claims again
    // Meanwhile a heartbeat may have reported that the pool is busy: then nobody would notify it.
    if (isWaiting && !session.heartbeat.hasReportedWaiting) return;
    const longestMs = this.#hasJustReported ? soonMs : this.#longestMs();
    this.#hasJustReported = false;
    // Others that wait know of the same retry or start.
    const knownMs = Math.min(nextMs ?? Infinity, startMs ?? Infinity) + this.#turnMs(1);
    this.#pause(Math.min(knownMs, longestMs));
    if (isWaiting && !hasSkipped && !this.#isOnce()) this.#quietUntil = this.#nothingUntil;
  }

  #pause(ms: number): void {
    this.#sleepUntil(performance.now() + ms, () => this.wake());
  }

  #sleepUntil(at: number, then: () => void): void {
    this.#nothingUntil = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, Math.max(at - performance.now(), 0));
  }

  get #hasNews(): boolean {
    return this.#isWoken || this.#isMissed || this.#notified.size > 0;
  }
}

const findingOf = ({ ranges, hasSkipped }: ClaimedJobs): ClaimFinding =>
  ranges.length > 0 ? "jobs" : hasSkipped ? "limited" : "none";

/** The postings without limits all of whose jobs are here. */
function whole(runs: readonly JobRun[]): number[] {
  const left = new Map<number, number>();
  for (const { posting, runningLimit, count } of runs) {
    if (posting.hasRate || runningLimit !== null) continue;
    left.set(posting.id, (left.get(posting.id) ?? posting.jobCount) - count);
  }
  return [...left].filter(([, count]) => count === 0).map(([id]) => id);
}
