import { type LiveOutput, showOutput } from "../../db/engine/follow.ts";
import { finishStragglers, foldProgress } from "../../db/engine/outcomes.ts";
import { keepRoom } from "../../db/posting/insert.ts";
import {
  type Beat,
  beat,
  markListening,
  reportRunning,
  type RunningJob,
} from "../../db/engine/pools.ts";
import { rescuePools } from "../../db/engine/rescue.ts";
import { tell, type PoolReport } from "../../db/dashboard/report.ts";
import { startDue } from "../../db/engine/starts.ts";
import type { Link } from "./link.ts";

export interface HeartbeatListener {
  /** What the workers run, of what has been running for a while (O2). */
  running(): RunningJob[];
  /** What running jobs of these postings print, which somebody follows. */
  output(postings: readonly number[]): LiveOutput[];
  /** What was done since the last beat, to be told to people. */
  told(): PoolReport;
  /** Whether it waits for something to do. */
  isWaiting(): boolean;
  /** This pool is alive. */
  onBeat(beat: Beat): void;
  /** Another pool has rescued from this one (O1): what it holds is not its own any more. */
  onLost(): void;
  /** No beat went through for so long that another pool may soon rescue from this one. */
  onSilence(): void;
  onRescue(pool: { poolId: number; host: string; jobs: number }): void;
  onError(error: unknown): void;
}

/** Beats per heartbeat timeout: a pool is not lost because one or two beats came late. */
const beatsPerTimeout = 3;
/** However patient the others are: a pool that is silent for a minute does not count any more. */
const longestPauseMs = 20_000;
/**
 * The share of the heartbeat timeout after which a pool that can't beat stops its workers (rule
 * 10).
 */
const silentAfter = 0.8;
const leastPauseMs = 250;
/** How far jobs are is told so often at most. */
const tellEveryMs = 2_000;
/** Beats while somebody follows what its jobs print. */
const followedEveryMs = 1_000;

/**
 * Proves in regular intervals that its pool is alive, and looks after pools that are not, after
 * totals to fold and postings to end. Its clock runs from the moment a beat was sent, never from
 * when it was answered: the database may have seen it that early.
 */
export class Heartbeat {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #heartbeatTimeoutMs: number;
  readonly #listener: HeartbeatListener;
  #isFollowed = false;
  #timer: NodeJS.Timeout | undefined;
  /** When it last looked after others. */
  #keptHouseAt = -Infinity;
  /** When the next beat is due, on the performance clock. */
  #dueAt = 0;
  #silenceTimer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #beating: Promise<void> | null = null;
  #lastSentAt = performance.now();
  /** What the database knows, or will know after what was sent. */
  #hasSaidWaiting = false;

  constructor(link: Link, poolId: number, heartbeatTimeoutMs: number, listener: HeartbeatListener) {
    this.#link = link;
    this.#poolId = poolId;
    this.#heartbeatTimeoutMs = heartbeatTimeoutMs;
    this.#listener = listener;
  }

  /** Beats once, and goes on in the background. */
  async start(): Promise<void> {
    this.#watchSilence();
    await this.#beatOnce();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silenceTimer);
    await this.#beating;
  }

  /** Says that the pool waits for something to do (O5). False where that has been said already. */
  async sayWaiting(): Promise<boolean> {
    if (this.#hasSaidWaiting) return false;
    this.#hasSaidWaiting = true;
    // On the connection of the beats: what they say and this come in their order.
    await this.#link.ask((db) => markListening(db, this.#poolId));
    return true;
  }

  /** Reports what runs, now: resolves once the database knows. */
  async report(): Promise<void> {
    const sentAt = performance.now();
    this.#hasSaidWaiting = false;
    const running = this.#listener.running();
    const isUp = await this.#link.ask((db) => reportRunning(db, this.#poolId, running));
    if (this.#isStopped) return;
    if (!isUp) return this.#listener.onLost();
    this.#lastSentAt = Math.max(this.#lastSentAt, sentAt);
    this.#watchSilence();
  }

  /** Beats soon, because there is something to tell. */
  hurry(): void {
    this.#within(leastPauseMs);
  }

  /** Beats before long, because there is something to tell that can wait a little. */
  tell(): void {
    this.#within(Math.max(this.#lastSentAt + tellEveryMs - performance.now(), leastPauseMs));
  }

  /** A beat that is due sooner stays: news that come all the time must not put it off for ever. */
  #within(ms: number): void {
    const isLater = this.#beating === null && performance.now() + ms < this.#dueAt;
    if (isLater) this.#schedule(ms);
  }

  #schedule(ms: number): void {
    if (this.#isStopped) return;
    this.#dueAt = performance.now() + ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#beatOnce(), ms);
  }

  #beatOnce(): Promise<void> {
    this.#beating ??= this.#beat()
      .catch((error: unknown) => this.#listener.onError(error))
      .finally(() => {
        this.#beating = null;
        this.#schedule(this.#isFollowed ? Math.min(followedEveryMs, this.#pauseMs) : this.#pauseMs);
      });
    return this.#beating;
  }

  async #beat(): Promise<void> {
    const sentAt = performance.now();
    const running = this.#listener.running();
    this.#hasSaidWaiting = this.#listener.isWaiting();
    const answer = await this.#link.ask((db) =>
      beat(db, this.#poolId, running, this.#hasSaidWaiting),
    );
    if (this.#isStopped) return;
    if (!answer.isUp) {
      this.#listener.onLost();
      return;
    }
    this.#lastSentAt = sentAt;
    this.#watchSilence();
    this.#listener.onBeat(answer);
    await this.#link.ask((db) => tell(db, this.#poolId, this.#listener.told()));
    await this.#showOutput(answer.followed);
    // Beats that were hurried come up to four times a second.
    if (sentAt < this.#keptHouseAt + this.#pauseMs * 0.9) return;
    this.#keptHouseAt = sentAt;
    const lost = await this.#link.ask((db) => rescuePools(db));
    for (const pool of lost) this.#listener.onRescue(pool);
    await this.#link.ask((db) => foldProgress(db));
    await this.#link.ask((db) => finishStragglers(db));
    await this.#link.ask((db) => keepRoom(db));
    await this.#link.ask((db) => startDue(db)); // a pool that is busy does not ask when the next is
  }

  /** Between two beats, where nothing hurries them. */
  get #pauseMs(): number {
    return Math.min(this.#heartbeatTimeoutMs / beatsPerTimeout, longestPauseMs);
  }

  async #showOutput(followed: readonly number[]): Promise<void> {
    // Once more after nobody follows, or what is followed has ended: so that nothing is left.
    if (!this.#isFollowed && followed.length === 0) return;
    this.#isFollowed = followed.length > 0;
    const output = this.#isFollowed ? this.#listener.output(followed) : [];
    await this.#link.ask((db) => showOutput(db, this.#poolId, output));
  }

  #watchSilence(): void {
    clearTimeout(this.#silenceTimer);
    const leftMs = this.#lastSentAt + this.#heartbeatTimeoutMs * silentAfter - performance.now();
    this.#silenceTimer = setTimeout(() => this.#listener.onSilence(), Math.max(leftMs, 0));
  }
}

/** What a pool logs that stops its workers because no beat gets through (rule 10). */
export const silenceText = (heartbeatTimeoutMs: number): string =>
  `no heartbeat got through for most of ${heartbeatTimeoutMs} ms: the workers were stopped, ` +
  "before another pool takes over their jobs";
