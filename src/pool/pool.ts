import { SchemaTooNew } from "../db/admin/schema-state.ts";
import { schemaVersion } from "../db/admin/this-schema.ts";
import { isWorthAnotherTry } from "../db/connection/connect.ts";
import type { Target } from "../db/settings/target.ts";
import type { LiveOutput } from "../db/engine/follow.ts";
import { type Beat, isPoolGone } from "../db/engine/pools.ts";
import { alone } from "../domain/crowd.ts";
import { deferred } from "../domain/node-20.ts";
import { messageOf } from "../domain/errors.ts";
import { FailureWatch } from "./failure-watch.ts";
import { Lifetime } from "./lifetime.ts";
import { emptySummary, type PoolOptions, type PoolSummary } from "./options.ts";
import { NoWorkers, type StartFailure, startFailed } from "./run/worker-starts.ts";
import { Meter } from "./session/meter.ts";
import type { Room } from "./session/claimer.ts";
import { rescueText, silenceText } from "./session/heartbeat.ts";
import { LossLog } from "./link/loss-log.ts";
import { retryUntil } from "./link/retry-until.ts";
import { Housekeeper } from "./session/housekeeper.ts";
import { closeLinks, type Links, openLinks, Session } from "./session/session.ts";
import { figuresOf, type PoolFigures, workReports } from "./figures.ts";
import { connectStages, type Stages } from "./stages.ts";
import { next, type PoolEvent, type PoolState } from "./state.ts";
import type { JobRun } from "./wire/leased-job.ts";

const checkEveryMs = 1_000;

/**
 * One pool, a pipeline of four stages: `ClaimLoop` leases jobs, `Intake` admits those of them that
 * may run, a `Runner` runs them, and `Results` passes their outcomes to the recorder of the
 * session (stages.ts). This class acts on changes of the pool's state (state.ts).
 * Everything that must survive a pool is in the database.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #links: Links;
  readonly #summary = emptySummary();
  readonly #meter = new Meter();
  readonly #losses: LossLog;
  readonly #lifetime: Lifetime;
  readonly #stages: Stages;
  readonly #failureWatch: FailureWatch;
  #state: PoolState = "starting";
  /** Null while the pool has no row: it is starting, or lost. */
  #session: Session | null = null;
  /** Settles when a lost pool has registered again, or no longer tries to. */
  #reopening = Promise.resolve();
  /** The first heartbeat of the session was answered. So no job ends before `start` returns. */
  #mayClaim = false;
  /** Settles when the jobs have ended that were given time to end. */
  #ending = Promise.resolve();
  #workersOfAllPools: number;
  #crowd = alone;
  #noWorkers: NoWorkers | null = null;
  /** Set when the schema no longer supports this program. */
  #tooOld: SchemaTooNew | null = null;
  readonly #housekeeper: Housekeeper;
  #checkTimer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  readonly #stopping = deferred<void>();
  readonly #killed = deferred<void>();

  private constructor(target: Target, options: PoolOptions, open: typeof openLinks) {
    const { log } = options;
    this.#options = options;
    this.#losses = new LossLog(log);
    this.#stopping.promise.catch(() => {}); // `finished`, perhaps called later, throws it
    this.#workersOfAllPools = options.maxWorkers;
    this.#lifetime = new Lifetime(performance.now(), options);
    this.#links = open(target, options.heartbeatTimeoutMs, {
      onNotify: (channel, payload) => this.#onNotify(channel, payload),
      onMoved: () => this.#onMoved(),
    });
    this.#housekeeper = new Housekeeper(this.#links.side, log);
    const failureWatch = (this.#failureWatch = new FailureWatch(this.#links, (id, reason) => {
      this.#summary.stopped++;
      log(`posting ${id} was stopped: ${reason}; see why: pdoflow failures ${id}`);
      this.#check();
    }));
    this.#stages = connectStages({
      ...{ links: this.#links, options, summary: this.#summary, meter: this.#meter },
      failureWatch,
      state: () => this.#state,
      session: () => this.#session,
      mayClaim: () => this.#state === "running" && this.#mayClaim,
      room: () => this.#room,
      crowd: () => this.#crowd,
      hasPeers: () => this.#workersOfAllPools > options.maxWorkers,
      attempt: this.#attempt,
      onJobs: () => this.#lifetime.busy(performance.now()),
      onRecorded: (run) => this.#onRecorded(run),
      onInterrupted: (run) => this.#release(run),
      onStartFailed: (failure) => this.#onStartFailed(failure),
      onNothingLeft: () => this.#on("stop"),
      onError: (error) => this.#fail(error),
    });
  }

  /**
   * Registers a pool, starts its workers, and begins to claim. `open` opens its connections; pools
   * of one process may share some.
   */
  static async start(target: Target, options: PoolOptions, open = openLinks): Promise<Pool> {
    const pool = new Pool(target, options, open);
    try {
      await pool.#openSession();
    } catch (error) {
      pool.#on("stop");
      await pool.#close();
      throw error;
    }
    pool.#checkTimer = setInterval(() => pool.#tick(), checkEveryMs);
    return pool;
  }

  /** Resolves once the pool and its workers have ended; rejects with a fatal error. */
  async finished(): Promise<PoolSummary> {
    try {
      await this.#stopping.promise;
      // Otherwise its row might stay in the state up. A kill does not wait for a database.
      await Promise.race([Promise.all([this.#reopening, this.#ending]), this.#killed.promise]);
      this.#summary.released += (await this.#session?.close(this.#killed.promise)) ?? 0;
      if (this.#noWorkers) throw this.#noWorkers;
      if (this.#tooOld) throw this.#tooOld;
      return { ...this.#summary, refusesAny: this.#session?.claimer.refusals.isAny ?? false };
    } finally {
      await this.#close();
    }
  }

  /** Its attempts by state, and the number of its workers that have a job. */
  get activity(): PoolSummary & { busy: number } {
    return { ...this.#summary, busy: this.#stages.runner.busy };
  }

  /** Its state and its counts, for a health port. */
  get figures(): PoolFigures {
    return figuresOf({
      ...{ state: this.#state, mayClaim: this.#mayClaim, slots: this.#options.maxWorkers },
      ...{ links: this.#links, session: this.#session, meter: this.#meter },
      ...{ busy: this.#stages.runner.busy, attempts: this.#summary },
    });
  }

  /** The number of unfinished jobs that it can run; null while that can't be known. */
  async countLeft(): Promise<number | null> {
    return (await this.#session?.countLeft().catch(() => null)) ?? null;
  }

  /** Claims no more jobs, releases waiting jobs, and stops when all running jobs have ended. */
  drain(why: string, hint = ""): void {
    if (!this.#on("drain")) return;
    this.#options.log(`${why}: releasing waiting jobs, finishing the running ones${hint}`);
    if (this.#state !== "draining") return; // nothing runs
    const { graceMs } = this.#options;
    if (graceMs !== null) this.#graceTimer = setTimeout(() => this.kill(), graceMs);
    void this.#attempt(async () => await this.#session?.markDraining());
    void this.#attempt(async () => {
      await this.#stages.intake.releaseAll();
      this.#stopIfDrained();
    });
  }

  /** Stops now: kills the workers, and releases their jobs with the attempt unused. */
  kill(): void {
    void this.#stages.runner.stop();
    this.#killed.resolve();
    this.#on("stop");
  }

  /** This process has received a stop signal, and its jobs perhaps too. Call it before `drain`. */
  signalled(): void {
    this.#stages.results.interruption.signalled(performance.now());
  }

  /**
   * Stops now, like `kill`, but each running job has the grace period of its posting to end. Its
   * attempt is not used either.
   */
  end(): void {
    this.#ending = this.#stages.runner.stop({ isGraceful: true });
    this.#on("stop");
  }

  /** The end of the output so far of running jobs of these postings. */
  output(postings: readonly number[]): LiveOutput[] {
    return this.#stages.runner.output(postings);
  }

  /** Ends without another claim: the caller knows that no job is left. Outcomes are recorded. */
  finish(): void {
    this.#on("stop");
  }

  /** Claims now: `once` may have changed. */
  wake(): void {
    this.#stages.claims.wake();
  }

  /** Moves to the next state. Returns whether the state has changed. */
  #on(event: PoolEvent): boolean {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state === "stopping") this.#stopping.resolve();
    return this.#state !== before;
  }

  async #close(): Promise<void> {
    this.#stages.claims.stop();
    clearInterval(this.#checkTimer);
    clearTimeout(this.#graceTimer);
    await this.#session?.heartbeat.stop();
    await this.#stages.runner.stop();
    await this.#housekeeper.stop();
    await closeLinks(this.#links);
    this.#on("closed");
  }

  async #openSession(): Promise<void> {
    const { log } = this.#options;
    const row = { ...this.#options, slots: this.#options.maxWorkers };
    const session: Session = await Session.open(this.#links, row, {
      ...{ meter: this.#meter, outcomes: this.#stages.results, log },
      ...workReports(this.#stages.runner, this.#options.provides),
      ...{
        running: () => this.#stages.intake.running,
        isWaiting: () => this.#stages.claims.isWaiting,
      },
      pollPrune: () => this.#housekeeper.poll(),
      onBeat: (beat) => this.#onBeat(session, beat),
      ...{ onLost: () => this.#onLost(), onSilence: () => this.#onSilence() },
      onRescue: (lost) => {
        this.#summary.failedByLoss += lost.failed;
        this.#meter.rescues++;
        log(rescueText(lost));
      },
      onWritten: (ids) =>
        this.#stages.claims.free(ids.filter((id) => !this.#stages.runner.isWaiting(id))),
      onError: (error) => this.#fail(error),
      isCurrent: (each) => each === this.#session,
    });
    this.#session = session;
    this.#mayClaim = false;
    this.#on("opened");
    await session.heartbeat.start();
    this.#mayClaim = true;
    this.#stages.claims.wake();
  }

  #onBeat(session: Session, beat: Beat): void {
    const { slots, pools, waiting, isDraining, compatibleSince } = beat;
    this.#crowd = { pools, waiting };
    this.#workersOfAllPools = Math.max(slots, this.#options.maxWorkers);
    if (isDraining) this.drain("it was asked to drain");
    if (compatibleSince > schemaVersion()) this.#leaveNewSchema(compatibleSince);
    if (this.#on("answered")) void this.#attempt(() => this.#recover(session));
    else if (this.#state !== "recovering") this.#losses.answered();
  }

  /** A newer pdoflow removes from the schema what this pool uses, once it has ended. */
  #leaveNewSchema(compatibleSince: number): void {
    this.#tooOld ??= new SchemaTooNew(this.#links.side.target.schema, compatibleSince);
    this.drain("a newer pdoflow changes the schema");
  }

  async #recover(session: Session): Promise<void> {
    try {
      await session.recover();
    } catch (error) {
      if (session === this.#session) this.#on("recoveryFailed");
      throw error;
    }
    if (session !== this.#session) return;
    this.#on("recovered");
    this.#losses.answered();
    this.#stages.claims.wake();
  }

  /** Rule 10: its jobs may be rescued at any moment, so its workers stop, unless told to finish. */
  #onSilence(): void {
    const { onDatabaseLost, heartbeatTimeoutMs } = this.#options;
    if (onDatabaseLost === "stop") {
      this.#on("silence");
      this.#stages.runner.abandon();
    }
    for (const link of [this.#links.claims, this.#links.work])
      void this.#attempt(() => link.doubt(this.#links.side.deadlineMs));
    this.#losses.away(silenceText(heartbeatTimeoutMs, onDatabaseLost));
    // Takes them from the workers now, and releases them when the database answers again.
    if (onDatabaseLost === "finish") void this.#attempt(() => this.#stages.intake.releaseAll());
  }

  /** Another server has the database now, perhaps without its newest postings (Session.moved). */
  #onMoved(): void {
    const session = this.#session;
    if (!session) return;
    session.moved();
    this.#failureWatch.forget();
    this.#options.policy?.forget();
    this.#options.log("the database has failed over to another server: releasing waiting jobs");
    void this.#attempt(async () => {
      await this.#stages.intake.releaseAll();
      this.#stages.claims.wake();
    });
  }

  #onLost(): void {
    const lost = this.#session;
    if (!lost || !this.#on("lost")) return;
    this.#session = null;
    this.#stages.runner.abandon();
    this.#options.log(`this pool was declared lost; continuing as a new one`);
    this.#reopening = this.#attempt(async () => {
      await lost.abandon();
      await retryUntil(
        () => this.#openSession(),
        () => this.#state === "lost",
      );
    });
  }

  #onStartFailed(failure: StartFailure): void {
    if (failure.isNews) this.#options.log(startFailed(failure));
    if (!failure.isHopeless || !this.#options.once) return;
    this.#noWorkers = new NoWorkers(this.#options.maxWorkers, failure);
    this.#on("stop");
  }

  #onRecorded(run: JobRun): void {
    this.#stages.intake.ended(run);
    this.#stopIfDrained();
  }

  /** Releases jobs whose attempts have ended by a stop signal. */
  #release(run: JobRun): void {
    this.#stages.intake.ended(run);
    void this.#attempt(async () => {
      await this.#stages.intake.release([run]);
      this.#stopIfDrained();
    });
  }

  #stopIfDrained(): void {
    if (this.#state === "draining" && this.#stages.runner.isIdle) this.#on("drained");
  }

  #onNotify(channel: string, payload: string): void {
    if (channel.endsWith(".changed")) this.#onChange();
    else if (channel.endsWith(".settle")) {
      const ended = payload.split(" ").map(Number);
      void this.#attempt(async () => await this.#session?.settler.settle(ended));
    } else this.#stages.claims.notify(payload);
  }

  /** A posting or this pool was changed: perhaps paused, cancelled or drained. */
  #onChange(): void {
    this.#session?.heartbeat.hurry();
    this.#check();
  }

  #tick(): void {
    const why = this.#lifetime.over(performance.now(), this.#stages.runner.isIdle);
    if (why !== null) this.drain(why);
    this.#check();
  }

  #check(): void {
    void this.#attempt(async () => {
      await this.#stages.intake.check();
      this.#stages.claims.next();
    });
  }

  get #room(): Room {
    const { idle, backlog, bytes, resources } = this.#stages.runner;
    return {
      ...{ resources, idle, backlog, bytes },
      workers: this.#options.maxWorkers,
      workersOfAllPools: this.#workersOfAllPools,
      leftMs: this.#lifetime.leftMs(performance.now()),
    };
  }

  readonly #attempt = (work: () => Promise<void>): Promise<void> =>
    work().catch((error: unknown) => this.#fail(error));

  /** If the connection is lost, claims and heartbeats try again. Other errors are fatal. */
  #fail(error: unknown): void {
    if (isPoolGone(error)) this.#onLost();
    else if (isWorthAnotherTry(error)) {
      if (!this.#links.side.isClosed) this.#losses.failed(messageOf(error));
    } else {
      this.#stopping.reject(error);
      this.#on("stop");
    }
  }
}
