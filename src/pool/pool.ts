import { isWorthAnotherTry } from "../db/connection/connect.ts";
import { type Beat, isPoolGone } from "../db/engine/pools.ts";
import type { Target } from "../db/connection/settings.ts";
import { deferred } from "../domain/deferred.ts";
import { messageOf } from "../domain/message-of.ts";
import type { AttemptEnd } from "../domain/attempt.ts";
import { admit } from "./admit.ts";
import { Announced } from "./announced.ts";
import { ClaimLoop } from "./session/claim-loop.ts";
import type { Room } from "./session/claimer.ts";
import { countAsFailed, countRefused } from "./count-outcomes.ts";
import { endedAttempt } from "./run/ended-attempt.ts";
import { keptEnd } from "./session/kept-end.ts";
import { FailureWatch } from "./failure-watch.ts";
import type { LeasedJob } from "./wire/leased-job.ts";
import { silenceText } from "./session/heartbeat.ts";
import { retryUntil } from "./session/retry-until.ts";
import { Lifetime } from "./lifetime.ts";
import { lookAround } from "./look-around.ts";
import { nothingDone, type PoolOptions, type PoolSummary } from "./options.ts";
import { passBy } from "./pass-by.ts";
import type { End, EndDetails } from "./wire/protocol.ts";
import type { Runner } from "./run/runner.ts";
import { closeLinks, type Links, openLinks, Session } from "./session/session.ts";
import { NoWorkers, startFailed } from "./run/worker-starts.ts";

const lookMs = 1_000;

/** One pool: claims jobs, hands them out, records. What must survive it is in the database. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #links: Links;
  readonly #ended = deferred<void>();
  readonly #summary = nothingDone();
  readonly #claims: ClaimLoop;
  readonly #failureWatch: FailureWatch;
  readonly #announced = new Announced();
  readonly #runner: Runner;
  #session: Session | null = null;
  #reopening = Promise.resolve();
  #workersOfAllPools: number;
  #isDraining = false;
  #isKilled = false;
  #noWorkers: NoWorkers | null = null;
  /** No beat for so long that the workers were stopped; until the database answers again. */
  #isSilent = false;
  #isRecovering = false;
  #lookTimer: NodeJS.Timeout | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  readonly #lifetime: Lifetime;

  private constructor(target: Target, options: PoolOptions) {
    this.#options = options;
    this.#workersOfAllPools = options.maxWorkers;
    this.#lifetime = new Lifetime(performance.now(), options);
    this.#links = openLinks(target, options.heartbeatTimeoutMs, (channel) =>
      channel.endsWith(".changed") ? this.#change() : this.#claims.wake(),
    );
    this.#claims = new ClaimLoop(
      {
        session: () => (this.#isDraining || this.#isSilent ? null : this.#session),
        room: () => this.#room,
        isQuiet: () => this.#runner.isIdle && this.#session?.recorder.isIdle === true,
        onJobs: (session, jobs, unread) => this.#onJobs(session, jobs, unread),
        onNothingLeft: () => this.#endNow(),
        onError: (error) => this.#fail(error),
      },
      { isOnce: options.once },
    );
    this.#failureWatch = new FailureWatch(this.#links, (id, reason) => {
      this.#summary.stopped++;
      options.log(`posting ${id} was stopped: ${reason}`);
      this.#look();
    });
    this.#runner = options.makeRunner({
      onEnd: (job, end, pid) => this.#end(job, end, pid),
      onLost: (verdict, end, pid) => {
        if (this.#isKilled) return; // its attempt is unused: it is released
        options.log(`job ${verdict.job.posting.id}/${verdict.job.index}: ${verdict.error.message}`);
        this.#record(verdict.job, verdict.state, end, pid);
      },
      onSpawnFailed: (failure) => {
        if (failure.isNews) options.log(startFailed(failure));
        if (!failure.isHopeless || !options.once) return;
        this.#noWorkers = new NoWorkers(options.maxWorkers, failure);
        this.#endNow();
      },
      onHungry: () => this.#claims.next(),
      hasPeers: () => this.#workersOfAllPools > options.maxWorkers,
      onSurplus: (jobs) => void this.#attempt(() => this.#release(jobs)),
      onLate: (jobs) => {
        this.#session?.claimer.limits.late(performance.now());
        void this.#attempt(() => this.#release(jobs));
      },
      onLacking: (...lacking) =>
        void this.#attempt(async () =>
          this.#release(await passBy(this.#session, this.#runner, options, ...lacking)),
        ),
      onLongJob: () => this.#session?.heartbeat.hurry(),
      onProgress: () => this.#session?.heartbeat.tell(),
      onProfile: ({ posting }, profile) => this.#session?.profiles.add(posting.id, profile),
      mayStart: () => this.#session?.recorder.isFull !== true,
      jobTime: (entryPoint) => this.#session?.claimer.jobTime(entryPoint) ?? null,
    });
  }

  /** Registers a pool, starts its workers, and begins to claim. */
  static async start(target: Target, options: PoolOptions): Promise<Pool> {
    const pool = new Pool(target, options);
    try {
      await pool.#openSession();
    } catch (error) {
      await pool.#close();
      throw error;
    }
    pool.#lookTimer = setInterval(() => pool.#tick(), lookMs);
    return pool;
  }

  /** Resolves once it has ended and its workers are gone; rejects for what it can't survive. */
  async finished(): Promise<PoolSummary> {
    try {
      await this.#ended.promise;
      if (!this.#isKilled) await this.#reopening; // else it leaves a row that says it is up
      this.#summary.released += (await this.#session?.close()) ?? 0;
      if (this.#noWorkers) throw this.#noWorkers;
      return { ...this.#summary, refusesAny: this.#session?.claimer.refusals.isAny ?? false };
    } finally {
      await this.#close();
    }
  }

  /** Claims no more, releases what has not started, and ends when what runs has ended. */
  drain(why: string): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#options.log(`${why}: finishing what runs, releasing the rest`);
    const { graceMs } = this.#options;
    if (graceMs !== null) this.#endTimer = setTimeout(() => this.kill(), graceMs);
    void this.#attempt(async () => await this.#session?.markDraining());
    void this.#attempt(async () => {
      await this.#release(this.#runner.withdraw(() => true));
      this.#endIfDrained();
    });
  }

  /** Ends now: kills the workers. The jobs that they ran go back with their attempt unused. */
  kill(): void {
    this.#isKilled = true;
    void this.#runner.stop();
    this.#endNow();
  }

  #endNow(): void {
    this.#isDraining = true;
    this.#ended.resolve();
  }

  async #close(): Promise<void> {
    this.#claims.stop();
    clearInterval(this.#lookTimer);
    clearTimeout(this.#endTimer);
    await this.#session?.heartbeat.stop();
    await this.#runner.stop();
    await closeLinks(this.#links);
  }

  async #openSession(): Promise<void> {
    const row = { ...this.#options, slots: this.#options.maxWorkers };
    const session = await Session.open(this.#links, row, {
      running: () => this.#announced.running(this.#runner),
      isWaiting: () => this.#claims.isWaiting,
      output: (postings) => this.#runner.output(postings),
      busy: () => this.#runner.busy,
      onBeat: (beat) => this.#onBeat(beat),
      onLost: () => this.#onLost(),
      onSilence: () => this.#onSilence(),
      onRescue: ({ host, poolId, jobs }) =>
        this.#options.log(`pool ${poolId} on ${host} was lost; ${jobs} of its jobs went back`),
      onRefused: countRefused(this.#summary, this.#options.log),
      onWritten: (ids) => this.#claims.free(ids.filter((id) => !this.#runner.isWaiting(id))),
      onReplaced: countAsFailed(this.#summary, this.#options.log),
      onHold: (sentence) => this.#options.log(sentence),
      onError: (error) => this.#fail(error),
    });
    await session.claimer.refreshRoutes();
    this.#session = session;
    await session.heartbeat.start();
    this.#claims.wake();
  }

  #onBeat({ slots, isDraining }: Beat): void {
    this.#workersOfAllPools = Math.max(slots, this.#options.maxWorkers);
    if (isDraining) this.drain("it was told to drain");
    if (!this.#isSilent || this.#isRecovering) return;
    this.#isRecovering = true;
    void this.#attempt(async () => {
      await this.#session?.recover().finally(() => (this.#isRecovering = false));
      this.#isSilent = false;
      this.#options.log("the database answers again");
      this.#claims.wake();
    });
  }

  /** Rule 10: what it holds may be rescued any moment, so its workers must not go on. */
  #onSilence(): void {
    this.#isSilent = true;
    this.#runner.abandon();
    this.#links.claims.reset(); // the same network: whatever it waits for may never come
    this.#links.work.reset();
    this.#options.log(silenceText(this.#options.heartbeatTimeoutMs));
  }

  #onLost(): void {
    const lost = this.#session;
    if (!lost) return;
    this.#session = null;
    this.#runner.abandon();
    this.#options.log(`pool ${lost.poolId} was declared lost; going on as a new one`);
    this.#reopening = this.#attempt(async () => {
      await lost.bury();
      this.#isSilent = false;
      const isWanted = () => !this.#isDraining;
      await retryUntil(() => this.#openSession(), isWanted);
      if (this.#isDraining) this.#ended.resolve();
    });
  }

  readonly #release = async (jobs: readonly LeasedJob[]): Promise<void> => {
    const back = await this.#session?.release(jobs, () => this.#runner.all);
    this.#summary.released += back ?? 0;
  };

  /** Something was stopped: a posting, or this pool. */
  #change(): void {
    this.#session?.heartbeat.hurry();
    this.#look();
  }

  #tick(): void {
    const why = this.#lifetime.over(performance.now(), this.#runner.isIdle);
    if (why !== null) this.drain(why);
    this.#look();
  }

  #look(): void {
    const session = this.#session;
    if (!session) return;
    void this.#attempt(async () => {
      await lookAround(session, this.#links, this.#runner, this.#options, this.#release);
      this.#claims.next();
    });
  }

  #end(job: LeasedJob, end: End, workerPid: number): void {
    this.#session?.claimer.learn(job.posting, end);
    if (job.startBy !== null) this.#session?.claimer.limits.inTime(job.startBy);
    this.#record(job, end.isDone ? "done" : "failed", end, workerPid);
  }

  #record(job: LeasedJob, kind: AttemptEnd, end: EndDetails, workerPid: number): void {
    const session = this.#session; // null: declared lost a moment ago
    if (!session) return;
    const now = performance.now();
    const [keptKind, kept] = keptEnd(kind, end, job.posting);
    const ended = endedAttempt(job, keptKind, kept, { workerPid, now, random: Math.random() });
    this.#summary[ended.state]++;
    session.recorder.add(ended);
    this.#announced.ended(job);
    this.#options.onEnded?.(ended);
    if (keptKind !== "failed") this.#failureWatch.passed(job.posting);
    else void this.#attempt(() => this.#failureWatch.failed(session, job.posting, ended.state));
    if (this.#isDraining) this.#endIfDrained();
  }

  readonly #endIfDrained = () => void (this.#runner.isIdle && this.#ended.resolve());

  get #room(): Room {
    const { idle, backlog, bytes } = this.#runner;
    return {
      ...{ idle, backlog, bytes, workers: this.#options.maxWorkers },
      workersOfAllPools: this.#workersOfAllPools,
      leftMs: this.#lifetime.leftMs(performance.now()),
    };
  }

  async #onJobs(session: Session, claimed: LeasedJob[], unread: LeasedJob[]): Promise<void> {
    this.#lifetime.busy(performance.now());
    const isHeld = () => session === this.#session && !this.#isKilled;
    const admitted = await admit(claimed, session, this.#links, this.#options, isHeld);
    if (!admitted) return; // declared lost meanwhile, and its leases with it
    if (admitted.isCodeNew) this.#runner.renew();
    const isStillHeld = await this.#announce(session, admitted.jobs);
    if (!isStillHeld || !isHeld()) return;
    if (this.#isDraining || this.#isSilent) return await this.#release([...claimed, ...unread]);
    this.#runner.add(admitted.jobs);
    await this.#release([...admitted.refused, ...unread]); // after add: workers keep theirs
  }

  /** False where their leases are gone by then. */
  async #announce(session: Session, jobs: readonly LeasedJob[]): Promise<boolean> {
    const { recoveries, claimer, heartbeat } = session;
    const isKnown = (entryPoint: string) => claimer.jobTime(entryPoint) !== null;
    if (!this.#announced.isWanted(jobs, { idle: this.#runner.idle, isKnown })) return true;
    // Where it can't be reported they run all the same: as a loss of this pool nobody explains.
    await this.#attempt(() => this.#announced.report(jobs, () => heartbeat.report()));
    return session.recoveries === recoveries;
  }

  readonly #attempt = (work: () => Promise<void>): Promise<void> =>
    work().catch((error: unknown) => this.#fail(error));

  /** A lost connection is waited out: polls and beats try again. Anything else ends the pool. */
  #fail(error: unknown): void {
    if (isPoolGone(error)) this.#onLost();
    else if (!isWorthAnotherTry(error)) this.#ended.reject(error);
    else if (!this.#links.side.isClosed) this.#options.log(`the database: ${messageOf(error)}`);
  }
}
