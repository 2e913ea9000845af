import { JobsGone } from "../../db/engine/leases.ts";
import type { Room } from "./claimer.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import type { Session } from "./session.ts";

/** A look that found nothing: with what room, and whether all was quiet when it began. */
interface Look {
  room: Room;
  hasPassedBy: boolean;
  wasQuiet: boolean;
}

export interface ClaimLoopListener {
  /** The session to claim for; null while nothing is to be claimed. */
  session(): Session | null;
  room(): Room;
  /** No job is in hand, and no outcome waits to be recorded. */
  isQuiet(): boolean;
  /** Jobs of this session, which began to be leased just now; `unread` are to be released. */
  onJobs(session: Session, jobs: LeasedJob[], unread: LeasedJob[]): Promise<void>;
  /** With isOnce: nothing is left to claim, now or later, and all was quiet before that look. */
  onNothingLeft(): void;
  onError(error: unknown): void;
}

/** Polling is the truth, a notification a hint (rule 8). */
const pollMs = 2_000;
const againMs = 500;
/** How soon to look again after it was said that this pool waits, for who did not see that yet. */
const soonMs = 100;
/** When to look again where a retry is due and could not be had: it is a suspect (Y3), or taken. */
const takenMs = 50;
/** With isOnce, how soon to look again whether a pool that holds jobs is alive. */
const silentMs = 200;

/**
 * Claims whenever there is room: one claim at a time, at once when told that there is something.
 */
export class ClaimLoop {
  readonly #listener: ClaimLoopListener;
  readonly #isOnce: boolean;
  /** How long to wait at most before looking again. */
  readonly #longestMs: () => number;
  #isClaiming = false;
  /** The answer to a claim was lost: the database may have a lease that is not known here. */
  #mayHaveUnknown = false;
  /** Nothing could be claimed; not to be tried again before this (performance clock). */
  #nothingUntil = 0;
  /** …but that was asked for jobs known to be short only, since no worker was idle. */
  #nothingShort = false;
  #timer: NodeJS.Timeout | undefined;
  /** It was said a moment ago that this pool waits. */
  #isNew = false;
  /** Woken while a claim was under way, which may have looked before there was something. */
  #isWoken = false;

  constructor(listener: ClaimLoopListener, { isOnce }: { isOnce: boolean }) {
    this.#listener = listener;
    this.#isOnce = isOnce;
    // A bit of chance, so that many idle pools do not all ask at the same moment.
    this.#longestMs = () => (isOnce ? 50 : pollMs * (0.75 + Math.random() / 2));
  }

  /** Claims if there is room, unless there was nothing to claim a moment ago. */
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
        this.#pause(againMs);
        this.#listener.onError(error);
      })
      .finally(() => {
        this.#isClaiming = false;
        this.next();
      });
  }

  /** There is something to claim, or may be: looks now. */
  wake(): void {
    this.#nothingUntil = 0;
    this.#isWoken = true;
    this.next();
  }

  /** Whether it found nothing, and waits to be woken. */
  get isWaiting(): boolean {
    return performance.now() < this.#nothingUntil && !this.#nothingShort;
  }

  /** Jobs of these postings have ended: where one was passed by for its limit, looks now. */
  free(postingIds: readonly number[]): void {
    if (this.#listener.session()?.claimer.limits.free(postingIds)) this.wake();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #claim(session: Session, room: Room): Promise<void> {
    const { recoveries } = session;
    if (this.#mayHaveUnknown) {
      await session.releaseUnknown();
      this.#mayHaveUnknown = false;
    }
    this.#isWoken = false;
    // Outcomes are recorded on another connection: a retry that one of them makes while this look
    // is under way may not be seen by it.
    const wasQuiet = this.#listener.isQuiet();
    const claimed = await this.#claimed(session, room);
    if (!claimed) return;
    const { ranges, jobs, unread, hasPassedBy } = claimed;
    if (session.recoveries !== recoveries) {
      this.#mayHaveUnknown = true; // released meanwhile, or to be released
      return;
    }
    for (const range of ranges) session.recorder.expect(range, range.endSeq - range.firstSeq);
    if (jobs.length > 0) await this.#listener.onJobs(session, jobs, unread);
    else await this.#rest(session, { room, hasPassedBy, wasQuiet });
  }

  /** Null where jobs of the claim are gone: its posting is stopped, the rest is released. */
  async #claimed(session: Session, room: Room) {
    try {
      return await session.claimer.claim(room);
    } catch (error) {
      if (!(error instanceof JobsGone)) throw error;
      await session.claimer.stopGone(error);
      this.#mayHaveUnknown = true;
      return null;
    }
  }

  /** Nothing was there: waits for a notification, for the next retry, or for the next poll. */
  async #rest(session: Session, { room, hasPassedBy, wasQuiet }: Look): Promise<void> {
    if (await session.claimer.refreshRoutes()) return;
    const isWaiting = room.idle > room.backlog;
    if (isWaiting && (await session.heartbeat.sayWaiting())) {
      this.#isNew = true;
      return; // and looks again: who posted just now did not know
    }
    // What was passed by may have been freed meanwhile: that is worth a look, too.
    const { dueMs, startMs } = await session.claimer.nextMs();
    if (startMs !== null && startMs <= 0) return; // it was started: looks again
    const nextMs = dueMs === 0 ? takenMs : (dueMs ?? (hasPassedBy ? 0 : null));
    this.#nothingShort = !isWaiting;
    if (this.#isOnce && nextMs === null && room.idle > 0) {
      if (wasQuiet && (await session.awaitsPools())) return this.#pause(silentMs);
      if (wasQuiet) this.#listener.onNothingLeft();
      else if (this.#listener.isQuiet()) return; // and looks again
    }
    if (this.#isWoken) return; // and looks again
    const longestMs = this.#isNew ? soonMs : this.#longestMs();
    this.#isNew = false;
    this.#pause(Math.min(nextMs ?? longestMs, startMs ?? longestMs, longestMs));
  }

  #pause(ms: number): void {
    this.#nothingUntil = performance.now() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), ms);
  }
}
