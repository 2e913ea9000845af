import type { Db } from "../../db/connection/connect.ts";
import { type LiveOutput, showOutput } from "../../db/engine/follow.ts";
import { finishStragglers, foldProgress } from "../../db/engine/outcomes.ts";
import { keepRoom } from "../../db/posting/insert.ts";
import {
  type Beat,
  sendHeartbeat,
  markListening,
  reportRunning,
  type RunningJob,
} from "../../db/engine/pools.ts";
import { keepsHouse, reportsEarly } from "../../domain/crowd.ts";
import { type RescuedPool, rescuePools } from "../../db/engine/rescue.ts";
import { fireDue, startDue } from "../../db/engine/starts.ts";
import type { Link } from "../link/link.ts";

export interface HeartbeatListener {
  /** The jobs that have been running for a while (O2). */
  running(): RunningJob[];
  /** The output so far of running jobs of these followed postings. */
  output(postings: readonly number[]): LiveOutput[];
  /** Reports the work since the last heartbeat, for display. */
  report(db: Db): Promise<void>;
  /** Opens postings that need not wait for others any longer. */
  pollEdges(): Promise<void>;
  /** Notifies the receivers of postings that came to rest, until `isOver`. */
  notify(isOver: () => boolean): Promise<void>;
  /** Begins a prune that is due. */
  pollPrune(): Promise<void>;
  /** Whether it waits for jobs. */
  isWaiting(): boolean;
  /** This pool is alive. */
  onBeat(beat: Beat): void;
  /** Another pool has rescued this one's jobs (O1): its leases are gone. */
  onLost(): void;
  /** No heartbeat got through for most of the heartbeat timeout. */
  onSilence(): void;
  onRescue(pool: RescuedPool): void;
  onError(error: unknown): void;
}

/** Heartbeats per heartbeat timeout: a pool is not lost because one or two are late. */
const beatsPerTimeout = 3;
/** Even with a long heartbeat timeout, a silent pool should be noticed within a minute. */
const longestPauseMs = 20_000;
/**
 * The share of the heartbeat timeout after which a pool whose heartbeats fail stops its workers
 * (rule 10).
 */
const silentAfter = 0.8;
const pauseMinMs = 250;
/** Progress of jobs is reported at most this often. */
const reportEveryMs = 2_000;
/** The interval of heartbeats while the output of a job of this pool is followed. */
const followedEveryMs = 1_000;

/**
 * Proves at regular intervals that its pool is alive. Also does the housekeeping of the queue:
 * rescues the jobs of lost pools, folds totals, and ends postings. Its clock runs from the moment
 * at which a heartbeat was sent, not from the answer: the database may have seen it that early.
 */
export class Heartbeat {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #heartbeatTimeoutMs: number;
  readonly #listener: HeartbeatListener;
  #isFollowed = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the last heartbeat was sent that had no urgent news. */
  #lastRegularAt = -Infinity;
  /** When the next heartbeat is due, on the performance clock. */
  #dueAt = 0;
  #silenceTimer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #beating: Promise<void> | null = null;
  /** What is done beside heartbeats, by name. */
  readonly #atWork = new Map<string, Promise<void>>();
  #lastSentAt = performance.now();
  /** Whether the database knows that the pool waits, or will after the statements already sent. */
  #hasReportedWaiting = false;

  constructor(link: Link, poolId: number, heartbeatTimeoutMs: number, listener: HeartbeatListener) {
    this.#link = link;
    this.#poolId = poolId;
    this.#heartbeatTimeoutMs = heartbeatTimeoutMs;
    this.#listener = listener;
  }

  /** Sends one heartbeat, keeps house if it is its turn, and continues in the background. */
  async start(): Promise<void> {
    this.#watchSilence();
    await this.#beatOnce();
    await this.#atWork.get("keep house");
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silenceTimer);
    await this.#beating;
    await Promise.all(this.#atWork.values());
  }

  /** When the last heartbeat was sent that was answered (performance clock). */
  get lastSentAt(): number {
    return this.#lastSentAt;
  }

  /** Whether no heartbeat got through for most of the heartbeat timeout. */
  get isSilent(): boolean {
    return performance.now() >= this.#silentAt;
  }

  get #silentAt(): number {
    return this.#lastSentAt + this.#heartbeatTimeoutMs * silentAfter;
  }

  get hasReportedWaiting(): boolean {
    return this.#hasReportedWaiting;
  }

  /** Reports that the pool waits for jobs (O5). False if that was reported already. */
  async reportWaiting(): Promise<boolean> {
    if (this.#hasReportedWaiting) return false;
    this.#hasReportedWaiting = true;
    // On the connection of the heartbeats, so that both arrive in order.
    await this.#link.ask((db) => markListening(db, this.#poolId));
    return true;
  }

  /** Reports the running jobs now; resolves once the database knows. */
  async report(): Promise<void> {
    const sentAt = performance.now();
    this.#hasReportedWaiting = false;
    const running = this.#listener.running();
    const isUp = await this.#link.ask((db) => reportRunning(db, this.#poolId, running));
    if (this.#isStopped) return;
    if (!isUp) return this.#listener.onLost();
    this.#lastSentAt = Math.max(this.#lastSentAt, sentAt);
    this.#watchSilence();
  }

  /** Sends a heartbeat within a quarter of a second, for urgent news. */
  hurry(): void {
    this.#within(pauseMinMs);
  }

  /** Sends a heartbeat within two seconds, for less urgent news. */
  reportSoon(): void {
    this.#within(Math.max(this.#lastSentAt + reportEveryMs - performance.now(), pauseMinMs));
  }

  /** A heartbeat that is due sooner stays, so that constant news does not delay it forever. */
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
    const sentAt = performance.now();
    this.#beating ??= this.#send(sentAt)
      .catch((error: unknown) => this.#listener.onError(error))
      .finally(() => {
        this.#beating = null;
        // From when this one was sent: slow answers must not make heartbeats rare.
        const pauseMs = this.#isFollowed ? followedEveryMs : Infinity;
        const nextAt = sentAt + Math.min(pauseMs, this.#pauseMs);
        this.#schedule(Math.max(nextAt - performance.now(), pauseMinMs));
      });
    return this.#beating;
  }

  async #send(sentAt: number): Promise<void> {
    const running = this.#listener.running();
    this.#hasReportedWaiting = this.#listener.isWaiting();
    const answer = await this.#link.ask((db) =>
      sendHeartbeat(db, this.#poolId, running, this.#hasReportedWaiting),
    );
    if (this.#isStopped) return;
    if (!answer.isUp) {
      this.#listener.onLost();
      return;
    }
    this.#lastSentAt = sentAt;
    this.#watchSilence();
    this.#listener.onBeat(answer);
    await this.#link.checkServer();
    // Urgent heartbeats come up to four times a second.
    const isEarly = sentAt < this.#lastRegularAt + this.#pauseMs * 0.9;
    if (!isEarly) this.#lastRegularAt = sentAt;
    if (!isEarly || reportsEarly(answer)) await this.#link.ask((db) => this.#listener.report(db));
    await this.#showOutput(answer.followed);
    if (isEarly) return;
    if (keepsHouse(answer, Math.random())) this.#begin("keep house", () => this.#keepHouse());
  }

  /** The housekeeping of the queue. On a slow server it takes longer than some heartbeats. */
  async #keepHouse(): Promise<void> {
    const lost = await this.#link.ask((db) => rescuePools(db));
    for (const pool of lost) this.#listener.onRescue(pool);
    await this.#link.ask((db) => foldProgress(db));
    await this.#link.ask((db) => finishStragglers(db));
    await this.#link.ask((db) => keepRoom(db));
    await this.#link.ask((db) => startDue(db)); // a busy pool does not ask when
    // One by one: after a pause it may be much.
    this.#begin("fire", async () => {
      while (!this.#isStopped && (await this.#link.ask((db) => fireDue(db))));
    });
    await this.#listener.pollEdges();
    // Many postings may have ended at once.
    this.#begin("notify", () => this.#listener.notify(() => this.#isStopped));
    await this.#listener.pollPrune();
  }

  /** Does work while heartbeats go on, unless the same work is still being done. */
  #begin(name: string, work: () => Promise<void>): void {
    if (this.#isStopped || this.#atWork.has(name)) return;
    const done = work()
      .catch((error: unknown) => this.#listener.onError(error))
      .finally(() => this.#atWork.delete(name));
    this.#atWork.set(name, done);
  }

  /** Between two heartbeats, without urgent news. */
  get #pauseMs(): number {
    return Math.min(this.#heartbeatTimeoutMs / beatsPerTimeout, longestPauseMs);
  }

  async #showOutput(followed: readonly number[]): Promise<void> {
    // Once more after the last viewer has left, so that no output stays behind.
    if (!this.#isFollowed && followed.length === 0) return;
    this.#isFollowed = followed.length > 0;
    const output = this.#isFollowed ? this.#listener.output(followed) : [];
    await this.#link.ask((db) => showOutput(db, this.#poolId, output));
  }

  #watchSilence(): void {
    clearTimeout(this.#silenceTimer);
    const leftMs = this.#silentAt - performance.now();
    this.#silenceTimer = setTimeout(() => this.#listener.onSilence(), Math.max(leftMs, 0));
  }
}

/** The log line of a pool that stops its workers because no heartbeat gets through (rule 10). */
export const silenceText = (heartbeatTimeoutMs: number, action: "stop" | "finish"): string =>
  `no heartbeat got through for most of ${heartbeatTimeoutMs} ms: ` +
  (action === "stop"
    ? "the workers were stopped, before another pool takes over their jobs"
    : "running jobs finish, even if another pool takes them over");

/** The log line of a pool that has released the jobs of a lost one. */
export const rescueText = ({ host, number, jobs, failed }: RescuedPool): string =>
  `pool ${number} on ${host} was lost; ${jobs - failed} of its jobs released` +
  (failed === 0 ? "" : `, ${failed} failed`);
